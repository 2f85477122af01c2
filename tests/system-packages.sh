#!/bin/sh
# Installs the Debian packages that this project needs, and says so. Safe to run again: what is there stays.
# Usage: system-packages.sh demo|test|proof|vm...     Uses sudo when it is not run by root. DRY_RUN=1 only tells.
set -eu

demo="ca-certificates python3 python3-pip python3-venv"
test="$demo chromium gcc libc6-dev make mosquitto mosquitto-clients openssl systemd"
proof="$test mmdebstrap nats-server postgresql qemu-user rt-tests"
command -v npm >/dev/null || proof="$proof npm"  # from another source its package would not fit Debian's
vm="$test busybox-static cpio e2fsprogs kmod mmdebstrap qemu-system-x86 systemd-container zstd xz-utils"

wanted=
for group in "${@:-demo}"; do
    case $group in
    demo) wanted="$wanted $demo" ;;
    test) wanted="$wanted $test" ;;
    proof) wanted="$wanted $proof" ;;
    vm) wanted="$wanted $vm" ;;
    *)
        echo "system-packages: $group is none of: demo test proof vm" >&2
        exit 2
        ;;
    esac
done

if ! command -v apt-get >/dev/null; then
    echo "system-packages: no apt-get here. Install by hand what these Debian packages hold:$wanted" >&2
    exit 0
fi

missing=
for package in $wanted; do
    if ! dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed'; then
        case " $missing " in *" $package "*) ;; *) missing="$missing $package" ;; esac
    fi
done
# Python 3.13 and newer have no lgpio wheel on the index. Raspberry Pi OS has python3-lgpio; Debian has not: there the
# tests build it (systemd/make-venv), a demonstration does without.
lgpio_packages() {
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 13))' 2>/dev/null && ! python3 -c 'import lgpio' 2>/dev/null || return 0
    if apt-cache show python3-lgpio >/dev/null 2>&1; then
        echo " python3-lgpio"
    elif [ "$wanted" != " $demo" ] && ! dpkg-query -W swig python3-dev >/dev/null 2>&1; then
        echo " swig python3-dev"
    fi
}
missing="$missing$(lgpio_packages)"
if [ -z "$missing" ]; then
    exit 0
fi

echo "system-packages: apt-get install$missing" >&2
if [ -n "${DRY_RUN:-}" ]; then exit 0; fi
root=
if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "system-packages: not root and no sudo. As root, run: apt-get install$missing" >&2
        exit 3
    fi
    root=sudo
fi
apt="$root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 -o Acquire::Retries=5"
for _ in 1 2 3 4 5 6; do $apt update >&2 && break || sleep 5; done  # another update may hold the lists
# shellcheck disable=SC2086
$apt install -y --no-install-recommends $missing >&2
missing=$(lgpio_packages)  # again: there may have been no Python before
# shellcheck disable=SC2086
if [ -n "$missing" ]; then $apt install -y --no-install-recommends $missing >&2; fi
