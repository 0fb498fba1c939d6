#!/usr/bin/env bash
# What some tests need besides npm packages, and skip without: GDAL's command line, Chromium to look at pages, and wabt to run the kernels without
# JavaScript.
# Debian, Ubuntu; needs root.
set -euo pipefail
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends gdal-bin chromium wabt >/dev/null
gdalinfo --version
chromium --version
