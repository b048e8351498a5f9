# Which Debian packages rrk needs, and installing those that are missing. Sourced by quickstart.sh and test.sh.
BUILD_PACKAGES="gcc g++ libc6-dev meson ninja-build pkg-config libsqlite3-dev libjansson-dev libunistring-dev \
libstemmer-dev libsentencepiece-dev libdnnl-dev libcurl4-openssl-dev nettle-dev libyaml-dev python3"
TEST_PACKAGES="$BUILD_PACKAGES clang libomp-dev libcriterion-dev clang-format git openssl nghttp2-server"

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo "$@"
    else
        echo "not root and no sudo: cannot run '$*'" >&2
        return 1
    fi
}

# install_packages NAME...: nothing happens, and no network is used, when all are there.
install_packages() {
    missing=
    for package in "$@"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
    done
    if [ -z "$missing" ]; then
        echo "all packages are there"
        return 0
    fi
    echo "installing$missing"
    as_root apt-get update -qq || return 1
    # shellcheck disable=SC2086  # a list of names
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
}
