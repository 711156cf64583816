#!/bin/sh
# Runs a script of this folder with the pinned Node, which `npm run` puts first on the path; `npm ci` asks that Node for its version.
#
#     sh scripts/with-node.sh scripts/demo.ts --quick
#
# That Node needs libatomic, which a small Debian does not have: without this, all a person would see is the loader's complaint.
set -eu

if ! node --version > /dev/null 2>&1; then
  if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    echo 'Installing libatomic1, which Node needs ...'
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends libatomic1; } > /dev/null
  fi
  if ! node --version > /dev/null 2>&1; then
    echo 'The Node that this project is pinned to does not start here:' >&2
    node --version >&2 || true
    echo 'On Debian, as root: apt-get update && apt-get install libatomic1' >&2
    exit 1
  fi
fi
exec node "$@"
