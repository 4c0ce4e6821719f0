#!/usr/bin/env bash
# A `docker` for tests of deploy/roll-out, in whose folder it is called: notes what it is asked for, fails where $FAILS
# fits, and otherwise does what matters there. The image `hub:N` knows N migrations, and settings that came with the
# Nth version or before. What runs is noted in machine/.
#
# shellcheck disable=SC2013,SC2016 # numbers; the text of the file
set -euo pipefail
image=${HUB_IMAGE:-$(sed -n 's/^HUB_IMAGE=//p' .env)}
echo "$image $*" >>"$NOTES"
if [[ -n ${FAILS:-} && "$image $*" =~ $FAILS ]]; then exit 1; fi
if [[ $1 != compose ]]; then exit 0; fi
mkdir -p machine

fail() { echo "$*" >&2; exit 1; }
# As a hub does whatever it is told to do, it refuses a setting that came with a later version, empty or not.
takes_settings() {
    local version
    for version in $(sed -n 's/.*PORTCULLIS_SINCE__\([0-9]*\):.*/\1/p' docker-compose.prod.yml); do
        ((version <= ${image#hub:})) || fail "hub: PORTCULLIS_SINCE__$version: there is no such key"
    done
}
# hub ARGUMENT...: what the program of that image does.
hub() {
    takes_settings
    case ${*:-migrate} in
        'config check') ;;
        migrate)
            (($(cat machine/schema) <= ${image#hub:})) || fail 'migration was previously applied but is missing'
            echo "${image#hub:}" >machine/schema
            ;;
        *) fail "hub: $* is no command" ;;
    esac
}

while (($# > 0)) && [[ $1 != up && $1 != run && $1 != exec ]]; do shift; done
command=$1
shift
case $command in
    run)
        while [[ $1 == --* ]]; do shift; done
        hub "${@:2}"
        ;;
    up)
        # Compose runs what the services need first, unless it is told not to.
        if [[ " $* " != *" --no-deps "* && " $* " != *" postgres "* ]]; then
            first=''
            if grep -qF 'command: ${HUB_MIGRATE:-migrate}' docker-compose.prod.yml; then
                first=$(sed -n 's/^HUB_MIGRATE=//p' .env)
            fi
            # shellcheck disable=SC2086 # one word an argument
            hub $first
        fi
        if [[ $* =~ hub-[0-9] ]]; then
            takes_settings
            echo "$image" >"machine/${BASH_REMATCH[0]}"
        fi
        ;;
esac
