#!/bin/sh
# Installs what pip cannot: samba (SMB instruments of the simulated laboratory), rsync and OpenSSH
# (files by rsync, and tests of it), OpenSSH's SFTP server and FUSE (tests of SFTP and mounted
# destinations), and chromium (browser tests). Safe to run twice. Never fails because it may not install: it says what is missing.
set -eu

missing=""

# Programs of administrators are not on the PATH of ordinary users.
has_program() {
    PATH="$PATH:/usr/sbin:/usr/local/sbin:/usr/lib/openssh" command -v "$1" >/dev/null 2>&1
}

need() {
    package=$1
    shift
    for program in "$@"; do
        if has_program "$program"; then
            echo "$package: present ($program)"
            return 0
        fi
    done
    echo "$package: missing"
    missing="$missing $package"
}

need samba smbd
need openssh-sftp-server sftp-server
need rsync rsync
need openssh-client ssh
need openssh-server sshd
need fuse3 fusermount3
need chromium chromium chromium-browser google-chrome

if [ -z "$missing" ]; then
    echo "Nothing to install."
    exit 0
fi

if [ "$(id -u)" -ne 0 ] || ! has_program apt-get; then
    echo "Not installed:$missing. This needs root on Debian or Ubuntu."
    echo "There run: apt-get update && apt-get install --no-install-recommends$missing"
    echo "Without rsync and ssh the mover rsync says that it cannot work here."
    echo "Without samba the demo leaves the SMB instruments out. Tests that miss one of them are"
    echo "skipped, and fail with CI=true."
    exit 0
fi

echo "Installing:$missing"
# Services of a fresh samba would listen on all interfaces; the laboratory runs its own smbd.
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
apt-get update
# One argument a package is wanted here.
# shellcheck disable=SC2086
apt-get install --yes --no-install-recommends $missing
