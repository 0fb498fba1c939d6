#!/usr/bin/env bash
# Installs what `npm run test:engines` tries the package in: engines and bundlers from npm, browsers from Debian (needs root), wabt, which
# runs WebAssembly without JavaScript. Some 2 GB. The gate of every change needs none of it.
set -euo pipefail
cd "$(dirname "$0")"
npm ci --ignore-scripts --no-audit --no-fund
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
  chromium firefox-esr webkit2gtk-driver xvfb xauth wabt gcc libsimde-dev >/dev/null
