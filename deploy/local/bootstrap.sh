#!/usr/bin/env bash
# Makes this machine ready for `make run` (bootstrap.sh run) or also for `make test` (bootstrap.sh test).
# Each step is done once: a stamp holds the fingerprint of what it was made from. Anything missing is said in one line.
set -euo pipefail

cd "$(dirname "$0")/../.."
readonly WHAT="${1:-run}" VENV=.venv STAMPS=.venv/stamps JARS=deploy/kafka/target/lib
readonly HOUSE=(libs/fhircore libs/kit libs/access libs/fhirserver services/vis services/information-platform
    services/integration-platform services/application-platform gateway deploy/local)

say() { printf '%s  %s\n' "$(date +%H:%M:%S)" "$*"; }
fail() {
    printf 'setup: %s\n' "$*" >&2
    exit 1
}
fingerprint() { cat "$@" | sha256sum | cut -d' ' -f1; }
stamped() { [[ -f "$STAMPS/$1" && "$(<"$STAMPS/$1")" == "$2" ]]; }
stamp() {
    mkdir -p "$STAMPS"
    printf '%s' "$2" >"$STAMPS/$1"
}

# --- system packages --------------------------------------------------------------------------------------------------

find_python() {
    local candidate
    for candidate in "${PYTHON:-}" python3.11 python3; do
        [[ -n "$candidate" ]] && command -v "$candidate" >/dev/null &&
            "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null &&
            command -v "$candidate" && return
    done
    return 1
}
java_is_new() {
    local java=java
    [[ -n "${JAVA_HOME:-}" && -x "$JAVA_HOME/bin/java" ]] && java="$JAVA_HOME/bin/java"
    command -v "$java" >/dev/null || return 1
    (($("$java" -version 2>&1 | sed -nE 's/.*version "(1\.)?([0-9]+).*/\2/p' | head -1) >= 17)) 2>/dev/null
}
missing_packages() {
    find_python >/dev/null || echo python3.11-venv
    if [[ -z "${FVM_KAFKA:-}" || "$WHAT" == test ]]; then
        java_is_new || echo openjdk-17-jre-headless
        [[ -f "$STAMPS/jars" ]] || command -v mvn >/dev/null || echo maven
    fi
    command -v setpriv >/dev/null || echo util-linux
    if [[ "$WHAT" == test ]]; then
        command -v chromium >/dev/null || echo chromium
        command -v node >/dev/null || echo nodejs
    fi
}
system_packages() {
    local missing
    mapfile -t missing < <(missing_packages)
    ((${#missing[@]})) || return 0
    local line="apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
    command -v apt-get >/dev/null || fail "missing here: ${missing[*]} (names of Debian's packages); install them and try again"
    ((EUID == 0)) || fail "missing here: ${missing[*]}; run this as root:  $line"
    say "installing system packages: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get -q update >"$LOG" 2>&1 && apt-get -q install -y --no-install-recommends "${missing[@]}" >>"$LOG" 2>&1 ||
        fail "apt-get failed; its last words: $(tail -3 "$LOG")"
    mapfile -t missing < <(missing_packages)
    ((${#missing[@]} == 0)) || fail "still missing after installing: ${missing[*]}"
}

# --- Python -----------------------------------------------------------------------------------------------------------

environment() {
    local python
    [[ -x $VENV/bin/python ]] && "$VENV/bin/python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null && return
    python="$(find_python)" || fail "Python 3.11 with venv was not found; PYTHON=/path/to/python3.11 may name it"
    say "making the virtual environment ($("$python" --version))"
    rm -rf "$VENV"
    "$python" -m venv "$VENV"
}
dependencies() {
    local print total
    print="$(fingerprint requirements/dev.txt)"
    stamped dependencies "$print" && return
    total="$(grep -c '^[A-Za-z0-9]' requirements/dev.txt)"
    say "installing $total locked dependencies (one to three minutes the first time)"
    PYTHONUNBUFFERED=1 "$VENV/bin/python" -m pip install --disable-pip-version-check --require-hashes --progress-bar off \
        -r requirements/dev.txt 2>&1 | tee "$LOG" | progress "$total" ||
        fail "pip could not install requirements/dev.txt; its last words: $(tail -5 "$LOG")"
    stamp dependencies "$print"
}
# One line that changes on a terminal, a line now and then elsewhere. Not awk: Debian's reads a pipe in blocks.
progress() {
    local line count=0 terminal=0
    if [[ -t 1 ]]; then terminal=1; fi
    while IFS= read -r line; do
        case "$line" in
        *Collecting\ * | *"Requirement already"*)
            count=$((count + 1))
            if ((terminal)); then
                printf '\r          %3d of %d\033[K' "$count" "$1"
            elif ((count % 25 == 0)); then
                printf '          %3d of %d\n' "$count" "$1"
            fi
            ;;
        "Installing collected"*)
            if ((terminal)); then printf '\r\033[K'; fi
            printf '          unpacking\n'
            ;;
        esac
    done
}
house() {
    local print package arguments=()
    print="$(fingerprint "${HOUSE[@]/%//pyproject.toml}" requirements/dev.txt)"
    stamped house "$print" && return
    say "installing the house's own packages (editable)"
    for package in "${HOUSE[@]}"; do arguments+=(--editable "$package"); done
    "$VENV/bin/python" -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation "${arguments[@]}" ||
        fail "pip could not install the house's own packages"
    stamp house "$print"
}

# --- Kafka ------------------------------------------------------------------------------------------------------------

jars() {
    local print
    [[ -n "${FVM_KAFKA:-}" && "$WHAT" == run ]] && return
    print="$(fingerprint deploy/kafka/pom.xml)"
    stamped jars "$print" && compgen -G "$JARS/kafka_*.jar" >/dev/null && return
    say "fetching Kafka's jars with Maven"
    rm -rf "$JARS.new" "$JARS"
    mvn --batch-mode --quiet --file deploy/kafka/pom.xml dependency:copy-dependencies \
        -DoutputDirectory="$PWD/$JARS.new" >"$LOG" 2>&1 || fail "Maven failed; its last words: $(tail -5 "$LOG")"
    mv "$JARS.new" "$JARS"
    stamp jars "$print"
}

# --- clients of npm, for tests ----------------------------------------------------------------------------------------

# Without npm, or without a way to its packages, their tests are skipped and say so.
clients() {
    local print here=services/application-platform/tests/clients
    [[ "$WHAT" == test ]] || return 0
    print="$(fingerprint $here/package-lock.json)"
    stamped clients "$print" && return
    command -v npm >/dev/null || { say "npm is not here: tests with its clients are skipped" && return; }
    say "fetching clients of npm for the tests"
    mkdir -p "$VENV/clients"
    cp $here/package.json $here/package-lock.json "$VENV/clients/"
    (cd "$VENV/clients" && npm ci --ignore-scripts --no-audit --no-fund --legacy-peer-deps) >"$LOG" 2>&1 ||
        { say "npm failed, so tests with its clients are skipped; its last words: $(tail -2 "$LOG")" && return; }
    stamp clients "$print"
}

LOG="$(mktemp)"
trap 'rm -f "$LOG"' EXIT
# Two `make` at once (two regions of one checkout): the second waits for the first.
exec 9<deploy/local/bootstrap.sh
flock 9
system_packages
environment
dependencies
house
jars
clients
