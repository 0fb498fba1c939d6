#!/usr/bin/env bash
# GDAL's command line for gdal.test.ts, which skips without it. Debian, Ubuntu; needs root.
set -euo pipefail
apt-get update -qq
apt-get install -y -qq gdal-bin
gdalinfo --version
