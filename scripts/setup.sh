#!/usr/bin/env bash
# Make what the Makefile's targets need; quick when nothing has changed.
#
#   setup.sh run       .venv with the bot and the playground
#   setup.sh dev       .venv with the tools for tests, lint and benchmarks as well
#   setup.sh browser   Chromium and a Japanese font, for the browser tests
#   setup.sh tools     what else tests on real parts need
#   setup.sh lab       a Docker Engine, libvirt, images, a registry and the host's rules (LAB=off:
#                      nothing; LAB=on: without asking)
#   setup.sh lab-down  stop and take away what "lab" started and laid
set -euo pipefail
cd "$(dirname "$0")/.."

# Somebody's own Python settings must not leak into the virtual environment.
unset PYTHONHOME PYTHONPATH
export PIP_USER=0 PIP_REQUIRE_VIRTUALENV=0 PIP_DISABLE_PIP_VERSION_CHECK=1

notes=build/setup # logs, and the answers to questions
venv=.venv
stamp=$venv/.study-session-bot        # what was installed: profile and fingerprint
unfinished=$venv/.unfinished          # there while pip writes: found later, it was interrupted
browser_packages=(chromium fonts-noto-cjk fonts-noto-color-emoji)
refusal="It is missing after installing, too" # why something isn't there; see install_packages
agreed=""                             # not empty: the question was asked and answered already
as_root=()                            # see become_root

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

trap 'fail "" "Set-up was stopped half-way. That is fine: the next run takes it up again."' INT TERM

has_terminal() {
    [[ -z ${CI:-} && -t 0 && -t 2 ]]
}

agree() { # question; Enter means yes
    local answer
    read -r -p "$1 [Y/n] " answer || answer=n
    [[ ${answer,,} =~ ^(|y|yes)$ ]]
}

# Set $as_root to what makes a command root's; otherwise $refusal says why that can't be.
become_root() { # what for
    as_root=()
    ((EUID == 0)) && return
    if ! command -v sudo >/dev/null; then
        refusal="Only root can $1, and there is no sudo here"
        return 1
    fi
    as_root=(sudo)
    if ! has_terminal; then
        as_root=(sudo -n)
        if ! sudo -n true 2>/dev/null; then
            refusal="Only root can $1, and sudo wants a password"
            return 1
        fi
    fi
}

# Install Debian or Ubuntu packages: asked for on a terminal, without asking where there is
# none or where $agreed. Otherwise $refusal says why not, as the beginning of a sentence.
# Status 2: the person said no.
install_packages() { # purpose, packages…
    local purpose=$1 log=$notes/apt.log
    shift
    if ! command -v apt-get >/dev/null; then
        refusal="This machine has no apt-get"
        return 1
    fi
    become_root "install packages" || return 1
    if [[ -z $agreed ]] && has_terminal && ! agree "$purpose needs $*. Install now?"; then
        refusal="You chose not to install it"
        return 2
    fi
    echo "Installing $* …"
    # The index first: a fresh machine has none. A foreign source in it that fails is no reason
    # to stop.
    if ! { "${as_root[@]}" apt-get update
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --yes \
            --no-install-recommends -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 "$@"; } \
        >"$log" 2>&1 9>&-; then
        refusal="Installing $* failed (what apt-get said is in $log)"
        return 1
    fi
}

# --- Python ------------------------------------------------------------------

# Set $python to the first Python ≥ 3.11 that can make virtual environments, else $bare to
# one that can't: Debian ships that part as a package of its own.
look_for_python() {
    local candidate
    python="" bare=""
    for candidate in python3 python3.13 python3.12 python3.11; do
        "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
        if "$candidate" -c 'import ensurepip, venv' 2>/dev/null; then
            python=$candidate
            return
        fi
        bare=${bare:-$candidate}
    done
}

choose_python() {
    local package
    look_for_python
    if [[ -z $python && -n $bare ]]; then
        package=$("$bare" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
        install_packages "Making a virtual environment" "$package" ||
            fail "$refusal, and $bare can't make virtual environments without it." \
                "Please run: sudo apt-get install $package"
        look_for_python
    fi
    [[ -n $python ]] ||
        fail "This needs Python 3.11 or newer, and no such python3 was found." \
            "Please install one, for example: sudo apt-get install python3.11 python3.11-venv"
}

# What an installation depends on. The folder is part of it: programs in .venv carry its path.
fingerprint() {
    { pwd && cat pyproject.toml constraints.txt; } | sha256sum | cut -d ' ' -f 1
}

is_installed() { # profile
    local profile print
    read -r profile print 2>/dev/null <"$stamp" || return 1
    [[ $print == "$(fingerprint)" && ($profile == "$1" || $profile == dev) ]] &&
        [[ ! -e $unfinished ]] && "$venv/bin/python" -c '' 2>/dev/null &&
        [[ -x $venv/bin/study-bot ]]
}

explain_pip() {
    local log=$1
    if grep -qE 'ConnectionError|NewConnection|Temporary failure|Name or service|timed out|Max retries|unreachable|ProxyError' "$log"; then
        fail "The Python packages could not be downloaded: the package index can't be reached." \
            "Please check this machine's network (or pip's proxy settings) and run this again." \
            "All that pip said is in $log."
    fi
    if grep -q 'No space left' "$log"; then
        touch "$unfinished" # files may be missing: begin anew
        fail "The Python packages don't fit: the disk is full. Please free about 1 GB and run this again."
    fi
    grep -E '^ *(ERROR|error):?' "$log" | tail -n 5 >&2 || true
    fail "Installing the Python packages failed. All that pip said is in $log."
}

install_python_packages() { # profile
    local profile=$1 log=$notes/pip.log extra
    is_installed "$profile" && return
    if [[ -e $unfinished ]]; then
        echo "The last set-up was interrupted: making .venv anew."
        rm -rf "$venv"
    fi
    # Another folder's environment (moved or copied) or one whose Python is gone is of no use.
    if [[ -e $venv ]] && ! { head -n 2 "$venv/bin/pip" | grep -qF "$PWD/$venv/bin/" &&
        "$venv/bin/python" -m pip --version; } >/dev/null 2>&1; then
        echo "The folder .venv can't be used as it is: making it anew."
        rm -rf "$venv"
    fi
    if [[ ! -e $venv ]]; then
        choose_python
        echo "Making .venv with $("$python" --version) …"
        mkdir "$venv"
        touch "$unfinished"
        "$python" -m venv "$venv" >"$log" 2>&1 ||
            fail "Making a virtual environment failed. What Python said is in $log."
    fi
    extra=playground
    [[ $profile == dev ]] && extra=dev
    echo "Installing Python packages (a minute or two the first time; details in $log) …"
    touch "$unfinished"
    rm -f "$stamp"
    if ! "$venv/bin/python" -m pip install --retries 2 --constraint constraints.txt \
        --editable ".[$extra]" >"$log" 2>&1; then
        rm -f "$unfinished" # pip stopped by itself, and then leaves what was there
        explain_pip "$log"
    fi
    echo "$profile $(fingerprint)" >"$stamp"
    rm -f "$unfinished"
}

# --- the browser ---------------------------------------------------------------

# The same places in the same order as tests/conftest.py.
has_chromium() {
    [[ -n ${CHROMIUM:-} ]] ||
        command -v chromium chromium-browser google-chrome google-chrome-stable >/dev/null ||
        compgen -G "$HOME/.cache/ms-playwright/chromium-*/chrome-linux*/chrome" >/dev/null
}

has_japanese_font() {
    command -v fc-list >/dev/null && [[ -n $(fc-list :lang=ja family) ]]
}

# Without it every 📝 in a screenshot is an empty box.
has_emoji_font() {
    [[ -n $(fc-list ':charset=1f4dd' family 2>/dev/null) ]]
}

# Ubuntu's "chromium" is a snap, which Playwright can't drive: there Playwright brings its own.
download_chromium() {
    local log=$notes/playwright.log
    local -a libraries=(--with-deps)
    if has_terminal && ! agree "Testing the page in a real browser needs Chromium. Download it?"; then
        refusal="You chose not to install it"
        return 2
    fi
    if ((EUID != 0)) && ! sudo -n true 2>/dev/null && ! has_terminal; then libraries=(); fi
    echo "Downloading Chromium …"
    if ! "$venv/bin/python" -m playwright install "${libraries[@]}" chromium >"$log" 2>&1; then
        refusal="Downloading Chromium failed (all of it in $log)"
        return 1
    fi
}

install_browser() {
    local answer=$notes/no-browser status=0
    local -a missing=()
    has_chromium || missing+=("${browser_packages[0]}")
    has_japanese_font || missing+=("${browser_packages[1]}")
    has_emoji_font || missing+=("${browser_packages[2]}")
    ((${#missing[@]})) || return 0
    if [[ -e $answer ]]; then
        refusal="You chose not to install what browser tests need"
    elif [[ ${missing[0]} == chromium ]] && grep -qsx 'ID=ubuntu' /etc/os-release; then
        download_chromium || status=$?
        missing=("${missing[@]:1}")
        if ((status == 0 && ${#missing[@]})); then
            install_packages "Showing Japanese in screenshots" "${missing[@]}" || status=$?
        fi
    else
        install_packages "Testing the page in a real browser" "${missing[@]}" || status=$?
    fi
    ((status == 2)) && touch "$answer"
    if ! has_chromium; then
        echo "$refusal, so the browser tests are skipped."
        echo "To have them: sudo apt-get install ${browser_packages[*]}"
        echo "(on Ubuntu Google Chrome instead of chromium; CHROMIUM=path names any other)"
    elif ! has_japanese_font; then
        echo "$refusal, so Japanese shows as boxes in the browser tests' screenshots."
        echo "To mend that: sudo apt-get install ${browser_packages[1]}"
    fi
}

# --- what else tests on real parts need -----------------------------------------

tools=(ffprobe:ffmpeg)
lab_tools=(debootstrap:debootstrap docker-compose:docker-compose)

has_tool() { # program
    [[ $1 != docker-compose ]] || ! docker compose version >/dev/null 2>&1 || return 0
    PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null
}

install_tools() { # after the lab
    local answer=$notes/no-tools agreed="" status=0 tool
    local -a wanted=("${tools[@]}") missing=()
    if [[ ${LAB:-ask} != off && -e build/lab/lab.toml ]]; then
        wanted+=("${lab_tools[@]}")
        ! grep -qsw btrfs /proc/filesystems || wanted+=(mkfs.btrfs:btrfs-progs)
        # Where systemd runs, an SSH server would be up ever after: nobody asked for that.
        [[ -d /run/systemd/system ]] || wanted+=(sshd:openssh-server)
    fi
    for tool in "${wanted[@]}"; do
        has_tool "${tool%:*}" || missing+=("${tool#*:}")
    done
    ((${#missing[@]})) || return 0
    if [[ -e $answer ]]; then
        refusal="You chose not to install what some tests need"
        status=1
    else
        install_packages "Testing on real parts" "${missing[@]}" || status=$?
    fi
    ((status == 2)) && touch "$answer"
    ((status == 0)) || echo "$refusal, so tests that need ${missing[*]} are skipped."
}

# --- the lab -------------------------------------------------------------------

lab() {
    # Nothing that outlives this script may hold its lock.
    "$venv/bin/python" -m scripts.lab "$@" 9>&-
}

lab_as_root() {
    # sudo drops what the environment says of the engine.
    "${as_root[@]}" env "DOCKER_HOST=${DOCKER_HOST:-}" "$venv/bin/python" "$@" 9>&-
}

without_lab() { # sentence
    echo "$1 So there is no lab here; everything else works (LAB=off says nothing of it)."
}

# One question for all of it. LAB=on is an answer, too.
agree_to_lab() { # what is to be done
    local no=$notes/no-lab yes=$notes/lab
    if [[ ${LAB:-ask} == on || -e $yes ]] || ! has_terminal; then
        rm -f "$no"
    elif agree "The lab (containers and virtual machines from the chat) needs $1. Set it up on this machine?"; then
        touch "$yes"
    else
        touch "$no"
        return 1
    fi
}

engine_packages=(docker.io containerd runc iptables)
guest_packages=(libvirt-daemon-system libvirt-clients qemu-system-x86 qemu-utils dnsmasq-base
    iptables)
binding_packages=(libvirt-dev pkg-config gcc libc6-dev) # libvirt-python comes as source

# Set $needs to what the lab asks of this machine, for the question.
look_at_lab() { # the engine's state, libvirt's
    needs="firewall rules and a cgroup for its own networks and instances"
    case $2 in
        asleep) needs="libvirt started, and $needs" ;;
        absent) needs="libvirt and QEMU (${guest_packages[*]} ${binding_packages[*]}), and $needs" ;;
    esac
    case $1 in
        asleep) needs="the Docker Engine started, $needs" ;;
        absent) needs="Docker (${engine_packages[*]}), $needs" ;;
    esac
}

# An engine that answers, started or installed where need be; else $refusal says why not.
find_engine() { # its state
    local state=$1 said
    local -a packages=("${engine_packages[@]}")
    case $state in
        answers) return 0 ;;
        asleep | absent) ;;
        elsewhere)
            refusal="DOCKER_HOST names an engine on another machine: lab.toml is for those."
            return 1
            ;;
        forbidden)
            refusal="The Docker Engine is not yours to use: sudo usermod -aG docker \$USER, then log in again."
            return 1
            ;;
        rootless)
            refusal="The Docker Engine runs without root, where its containers can't be fenced off."
            return 1
            ;;
        *)
            refusal="The Docker Engine is there, but doesn't answer."
            return 1
            ;;
    esac
    if [[ $state == absent ]]; then
        [[ -d /run/systemd/system ]] || packages+=(tini)
        if ! install_packages "The lab" "${packages[@]}"; then
            refusal="$refusal, and no Docker Engine is here."
            return 1
        fi
    fi
    if ! become_root "start the Docker Engine"; then
        refusal="$refusal."
        return 1
    fi
    echo "Starting the Docker Engine …"
    if ! said=$(lab_as_root -m scripts.lab start-engine); then
        refusal="The Docker Engine can't be started: $said."
        return 1
    fi
    if [[ $(lab engine) != answers ]]; then
        refusal="The Docker Engine runs now, for root and the group docker: sudo usermod -aG docker \$USER, then log in again."
        return 1
    fi
}

# libvirt that answers, started or installed where need be; else $refusal says why not.
find_hypervisor() { # its state
    local state=$1 said
    local -a packages=("${guest_packages[@]}")
    case $state in
        answers | asleep | absent) ;;
        foreign)
            refusal="The lab's virtual machines are PCs (x86-64), and this machine is none."
            return 1
            ;;
        forbidden)
            refusal="libvirt is not yours to use: sudo usermod -aG libvirt \$USER, then log in again."
            return 1
            ;;
        *)
            refusal="libvirt is there, but doesn't answer."
            return 1
            ;;
    esac
    if [[ $state == absent ]]; then
        [[ -d /run/systemd/system ]] || packages+=(tini)
        if ! install_packages "Virtual machines in the lab" "${packages[@]}"; then
            refusal="$refusal, and no libvirt is here."
            return 1
        fi
    fi
    if [[ $(lab hypervisor) != answers ]]; then
        if ! become_root "start libvirt"; then
            refusal="$refusal."
            return 1
        fi
        echo "Starting libvirt …"
        if ! said=$(lab_as_root -m scripts.lab start-hypervisor); then
            refusal="libvirt can't be started: $said."
            return 1
        fi
        if [[ $(lab hypervisor) != answers ]]; then
            refusal="libvirt runs now, for root and the group libvirt: sudo usermod -aG libvirt \$USER, then log in again."
            return 1
        fi
    fi
}

# libvirt's Python library, built where it isn't there; else $refusal says why not.
find_binding() {
    local log=$notes/libvirt-python.log header
    local -a packages=("${binding_packages[@]}")
    "$venv/bin/python" -c 'import libvirt' 2>/dev/null && return
    header=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h
    if ! { [[ -e $header ]] && command -v gcc && pkg-config --exists libvirt; } &>/dev/null; then
        packages+=("$("$venv/bin/python" -c 'import sys; print("python%d.%d-dev" % sys.version_info[:2])')")
        if ! install_packages "Building libvirt-python" "${packages[@]}"; then
            refusal="$refusal, and libvirt-python is built with it."
            return 1
        fi
    fi
    echo "Building libvirt-python …"
    if ! "$venv/bin/python" -m pip install --retries 2 --constraint constraints.txt \
        --editable ".[kvm]" >"$log" 2>&1 9>&-; then
        refusal="libvirt-python can't be built (all that pip said is in $log)."
        return 1
    fi
}

# What virtual machines need: libvirt, its Python library, and something to start.
set_up_guests() { # libvirt's state
    find_hypervisor "$1" || return 1
    find_binding || return 1
    lab guests || { refusal="There is nothing to start in them."; return 1; }
}

# The host's part, which is root's: firewall rules, cgroup, probe.
set_up_host() {
    local log=$notes/host.log
    local -a probe=()
    if [[ -e build/lab/guests/tiny.kernel ]]; then
        probe=(--guest-kernel "$PWD/build/lab/guests/tiny.kernel" --guest-modules "$PWD/build/lab/guests/modules")
    fi
    if ! become_root "lay the lab's firewall rules"; then
        echo "$refusal, so attendees get no lab until this was run:"
        echo "    sudo $PWD/$venv/bin/study-bot lab setup-host"
        return
    fi
    if lab_as_root -m bot lab setup-host --quiet --file build/lab/lab.toml \
        --busybox build/lab/bin/busybox --record build/lab/started/host "${probe[@]}" \
        >"$log" 2>&1; then
        lab note-host || true
    else
        echo "The lab's firewall rules can't be laid, so attendees get no lab: $(tail -n 1 "$log")"
    fi
}

set_up_lab() {
    [[ ${LAB:-ask} == off ]] && return
    if [[ ${LAB:-ask} == ask && -e $notes/no-lab ]]; then
        without_lab "You chose not to have one (LAB=on sets it up)."
        return
    fi
    lab stands && return
    local engine hypervisor
    rm -f build/lab/lab.toml # what isn't so any more must not be offered
    engine=$(lab engine)
    hypervisor=$(lab hypervisor)
    look_at_lab "$engine" "$hypervisor"
    if ! agree_to_lab "$needs"; then
        without_lab "You chose not to have one."
        return
    fi
    agreed=yes
    if ! find_engine "$engine"; then
        without_lab "$refusal"
        return
    fi
    [[ ${LAB:-ask} != on ]] || rm -f "$notes/no-guests"
    if [[ ! -e $notes/no-guests ]] && ! set_up_guests "$hypervisor"; then
        echo "$refusal" >"$notes/no-guests"
    fi
    if [[ -e $notes/no-guests ]]; then
        echo "$(<"$notes/no-guests") So the lab has no virtual machines; containers work (LAB=on tries again)."
    fi
    if ! command -v apt-get >/dev/null; then
        echo "This machine has no apt-get, so the lab's images come from the public hub."
    elif ! lab images; then
        echo "They come from the public hub instead."
    fi
    if ! lab file; then
        without_lab "Describing it in build/lab/lab.toml failed."
        return
    fi
    set_up_host
}

take_lab_down() {
    local status=0
    if ! compgen -G "build/lab/started/*" >/dev/null; then
        echo "Nothing was started here."
        return
    fi
    if [[ -e build/lab/lab.toml ]]; then
        "$venv/bin/python" -m bot lab sweep --abandoned --quiet --file build/lab/lab.toml || status=$?
    fi
    become_root "take the lab down" || fail "$refusal."
    if [[ -e build/lab/started/host ]]; then
        lab_as_root -m bot lab remove-host --quiet --file build/lab/lab.toml || status=$?
    fi
    lab_as_root -m scripts.lab down || status=$?
    return "$status"
}

mkdir -p "$notes"
exec 9>"$notes/lock"
if ! flock -n 9; then
    echo "Another set-up is at work in this folder: waiting for it …"
    flock 9
fi
for part in "$@"; do
    case $part in
        run | dev) install_python_packages "$part" ;;
        browser) install_browser ;;
        tools) install_tools ;;
        lab) set_up_lab ;;
        lab-down) take_lab_down ;;
        *) fail "setup.sh doesn't know \"$part\": the top of the file says what it knows." ;;
    esac
done
