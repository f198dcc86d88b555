# Shared by the scripts here: Debian packages and virtual environments. Sourced, not run;
# the working directory is the checkout.

say() { # in bold on a terminal
    if [ -t 2 ]; then printf '\033[1m== %s\033[0m\n' "$*" >&2; else echo "== $*" >&2; fi
}

# pip and the libraries keep their caches in the checkout, not in the home folder.
export XDG_CACHE_HOME="$PWD/.cache" PIP_CACHE_DIR="$PWD/.cache/pip"
export KERAS_HOME="$PWD/.cache/keras" MPLCONFIGDIR="$PWD/.cache/matplotlib"
export PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONUTF8=1

# debian PACKAGE...: install the missing ones
debian() {
    missing=
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q ' installed$' ||
            missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    as_root=
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || { echo "needs root or sudo to: apt-get install$missing" >&2; exit 69; }
        as_root=sudo
    fi
    say "installing Debian packages:$missing"
    # shellcheck disable=SC2086 # a list of words
    $as_root apt-get update -q >&2 && DEBIAN_FRONTEND=noninteractive $as_root \
        apt-get install -q -y --no-install-recommends $missing >&2
}

# virtual_environment FOLDER REQUIREMENT...: make it or update it; returns at once if up to date
virtual_environment() {
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
        { echo "needs Python 3.10 or newer, found $(python3 --version)" >&2; exit 69; }
    folder=$1
    shift
    packaged=$(find setup.cfg setup.py kws_edge training models recordings systemd -type f ! -name '*.pyc' | sort | xargs cksum | cksum)
    case "$1" in -e) packaged=$(cat setup.cfg setup.py | cksum) ;; esac
    stamp="$(python3 --version) $* $packaged"
    [ "$(cat "$folder/.stamp" 2>/dev/null)" = "$stamp" ] && return 0
    python3 -c 'import ensurepip' 2>/dev/null || debian python3-venv
    say "installing $* into $folder"
    python3 -m venv "$folder"
    if ! { "$folder/bin/pip" install --upgrade pip && "$folder/bin/pip" install "$@"; } \
        >"$folder/install.log" 2>&1; then
        tail -n 20 "$folder/install.log" >&2
        echo "the installation failed; all of it is in $folder/install.log" >&2
        exit 1
    fi
    printf '%s\n' "$stamp" >"$folder/.stamp"
}
