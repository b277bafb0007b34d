#!/usr/bin/env bash
# An emulated 64-bit ARM Python that has the runtime's packages: no root, nothing installed.
#
#     tests/field/arm_python.sh FOLDER [PACKAGE...]
#     ARM_CPU=cortex-a53|cortex-a72|cortex-a76 FOLDER/python FILE     (Raspberry Pi 3, 4, 5)
#
# Takes qemu-user-static and Python from the Debian this runs on (12 or newer; elsewhere, run it in a
# container of one), wheels from where pip takes them, in the versions of constraints.txt.
# An instruction that the chosen processor lacks ends the program, as on the board.
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "${1:?usage: arm_python.sh FOLDER [PACKAGE...]}"
folder=$(cd "$1" && pwd)
shift
root=$folder/root
if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
    echo "error: needs Debian 12 or newer (apt-get, dpkg-deb); run it in such a container" >&2
    exit 2
fi

if [ ! -x "$folder/qemu" ]; then
    mkdir -p "$folder/debs"
    (cd "$folder/debs" && apt-get -o APT::Sandbox::User=root download qemu-user-static >/dev/null)
    dpkg-deb --fsys-tarfile "$folder"/debs/qemu-user-static*.deb |
        tar -xO ./usr/bin/qemu-aarch64-static >"$folder/qemu.part"
    chmod +x "$folder/qemu.part"
    mv "$folder/qemu.part" "$folder/qemu"
    rm -r "$folder/debs"
fi

if [ ! -e "$root/.ready" ]; then
    # An apt of its own, for another architecture, with the mirrors of this machine.
    apt=$folder/apt
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$root"
    : >"$apt/status"
    apt-get indextargets --format '$(SITE) $(RELEASE)' 'Created-By: Packages' | sort -u |
        while read -r site release; do
            keys=/usr/share/keyrings/debian-archive-keyring.gpg
            echo "deb [arch=arm64 signed-by=$keys] $site $release main"
        done >"$apt/sources.list"
    cat >"$apt/conf" <<END
Dir::State::status "$apt/status"; Dir::State::lists "$apt/lists"; Dir::Cache "$apt/cache";
Dir::Etc::sourcelist "$apt/sources.list"; Dir::Etc::sourceparts "/dev/null";
Dir::Etc::parts "/dev/null"; Dir::Etc::preferencesparts "/dev/null";
APT::Architecture "arm64"; APT::Architectures {"arm64";};
APT::Install-Recommends "false"; APT::Sandbox::User "root"; Acquire::Languages "none";
END
    export APT_CONFIG=$apt/conf
    apt-get -qq update
    apt-get -qq -y --download-only install \
        python3-minimal libpython3-stdlib libstdc++6 libgomp1 >/dev/null
    unset APT_CONFIG
    for package in "$apt"/cache/archives/*.deb; do
        dpkg-deb -x "$package" "$root"
    done
    rm -r "$apt"
    touch "$root/.ready"
fi
python=$(basename "$(ls "$root"/usr/bin/python3.*[0-9])")

site=$folder/site
if [ "$(cat "$site/.packages" 2>/dev/null)" != "$*" ]; then
    rm -rf "$site"
    platforms=()
    for glibc in 28 27 17; do
        platforms+=(--platform "manylinux_2_${glibc}_aarch64")
    done
    "${PYTHON:-python3}" -m pip --disable-pip-version-check install --quiet --no-compile \
        --target "$site" "${platforms[@]}" --platform manylinux2014_aarch64 --only-binary :all: \
        --implementation cp --python-version "${python#python}" \
        --constraint "$here/constraints.txt" numpy opencv-python-headless onnxruntime typer "$@"
    echo "$*" >"$site/.packages"
fi

# qemu opens an absolute path within the root where there is such a file. Without an ARM
# /proc/cpuinfo onnxruntime would look at that of the host, and crash.
mkdir -p "$folder/boot"
cat >"$folder/boot/sitecustomize.py" <<END
# Children start emulated too.
import sys
sys.executable = sys._base_executable = "$folder/python"
END
cat >"$folder/python" <<END
#!/usr/bin/env bash
features="fp asimd evtstrm crc32 cpuid"
case \${ARM_CPU:=cortex-a72} in
cortex-a53) part=0xd03 ;;
cortex-a72) part=0xd08 ;;
cortex-a76)
    part=0xd0b
    features="\$features aes pmull sha1 sha2 atomics fphp asimdhp asimdrdm lrcpc dcpop asimddp" ;;
*) echo "error: ARM_CPU is cortex-a53, cortex-a72 or cortex-a76, not \$ARM_CPU" >&2; exit 2 ;;
esac
system=$root/sys/devices/system/cpu
mkdir -p $root/proc \$system
info=$root/proc/cpuinfo.\$\$
for core in 0 1 2 3; do
    printf 'processor\t: %d\nBogoMIPS\t: 108.00\nFeatures\t: %s\nCPU implementer\t: 0x41\n' \\
        \$core "\$features"
    printf 'CPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: %s\nCPU revision\t: 3\n\n' \$part
    mkdir -p \$system/cpu\$core/topology
    echo 0 >\$system/cpu\$core/topology/physical_package_id
    echo \$core >\$system/cpu\$core/topology/core_id
    echo \$core >\$system/cpu\$core/topology/thread_siblings_list
    echo 0-3 >\$system/cpu\$core/topology/core_siblings_list
done >\$info
mv \$info $root/proc/cpuinfo
for name in possible present online; do echo 0-3 >\$system/\$name; done
export PYTHONPATH=$folder/boot:$site\${PYTHONPATH:+:\$PYTHONPATH} OPENBLAS_NUM_THREADS=1
exec $folder/qemu -cpu \$ARM_CPU -L $root $root/usr/bin/$python "\$@"
END
chmod +x "$folder/python"
echo "$folder/python: $("$folder/python" -c 'import platform; print("Python", platform.python_version(), platform.machine())')"
