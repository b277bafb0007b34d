#!/bin/bash
# Runs a Python script in a virtual machine that has a kernel with webcam drivers, nothing installed:
#   camera_vm.sh WORKDIR PYTHON SCRIPT [SECONDS]
# Debian's own kernel and qemu are unpacked from their packages into WORKDIR (needs apt-get and about 500 MB).
# The guest's root is the host's, read-only under a layer in memory, so PYTHON and SCRIPT keep their paths.
set -euo pipefail
work=$(mkdir -p "${1:?}" && cd "$1" && pwd) python=${2:?} script=$(realpath "${3:?}") limit=${4:-400}
cd "$work"
apt="apt-get -qq -y -o APT::Sandbox::User=root"
if [ ! -e qemu/usr/bin/qemu-system-x86_64 ]; then
    mkdir -p qemu qemu-debs/partial
    $apt update
    $apt -o Dir::Cache::archives="$work/qemu-debs" --download-only --no-install-recommends --reinstall \
        install qemu-system-x86 busybox-static > /dev/null
    for package in qemu-debs/*.deb; do dpkg -x "$package" qemu; done
    rm -rf qemu-debs
fi
busybox=$work/qemu/bin/busybox
if [ ! -d kernel/lib/modules ]; then
    mkdir -p kernel kernel-debs
    name=$(apt-cache depends linux-image-amd64 | awk '/Depends: linux-image/{print $2}')
    (cd kernel-debs && $apt download "$name" > /dev/null)
    for package in kernel-debs/*.deb; do dpkg -x "$package" kernel; done
    rm -rf kernel-debs
fi
version=$(ls kernel/lib/modules | head -1)
modules=$work/kernel/lib/modules
[ -f "$modules/$version/modules.dep" ] || "$busybox" depmod -b kernel "$version"

# A first file system with what it takes to mount the host's.
rm -rf initrd && mkdir -p initrd/{bin,proc,sys,dev,mnt,m,rw}
cp "$busybox" initrd/bin/busybox
: > initrd/m/order
for module in virtio_pci 9pnet_virtio 9p overlay; do
    line=$(grep -m1 "/$module.ko:" "$modules/$version/modules.dep")
    for needed in $(echo "${line#*:}" | tr ' ' '\n' | tac) "${line%%:*}"; do
        if [ ! -f "initrd/m/${needed##*/}" ]; then
            cp "$modules/$version/$needed" initrd/m/
            echo "${needed##*/}" >> initrd/m/order
        fi
    done
done
cat > initrd/init <<INIT
#!/bin/busybox sh
B=/bin/busybox
\$B mount -t proc p /proc; \$B mount -t sysfs s /sys; \$B mount -t devtmpfs d /dev
for m in \$(\$B cat /m/order); do \$B insmod /m/\$m; done
\$B mount -t 9p -o trans=virtio,version=9p2000.L,msize=1048576,ro,cache=loose host /mnt || \$B poweroff -f
\$B mount -t tmpfs t /rw; \$B mkdir -p /rw/upper /rw/work /rw/root; R=/rw/root
\$B mount -t overlay -o lowerdir=/mnt,upperdir=/rw/upper,workdir=/rw/work o \$R
for d in proc:proc sys:sysfs dev:devtmpfs; do
    \$B mkdir -p \$R/\${d%:*}; \$B mount -t \${d#*:} x \$R/\${d%:*}
done
\$B mkdir -p \$R/dev/shm \$R/lib/modules
\$B mount -t tmpfs t \$R/dev/shm
\$B mount -o bind \$R$modules \$R/lib/modules
\$B ip link set lo up
PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root BB=$busybox OMP_NUM_THREADS=1 \$B chroot \$R $python $script
echo "GUEST=\$?"
\$B poweroff -f
INIT
chmod +x initrd/init
(cd initrd && find . | "$busybox" cpio -o -H newc 2> /dev/null | gzip -1) > initrd.gz

export LD_LIBRARY_PATH=$work/qemu/usr/lib/x86_64-linux-gnu:$work/qemu/lib/x86_64-linux-gnu
share=$work/qemu/usr/share
timeout -k 2 "$limit" qemu/usr/bin/qemu-system-x86_64 -L "$share/qemu" -L "$share/seabios" \
    -L "$work/qemu/usr/lib/ipxe/qemu" -M q35,accel=tcg -cpu Nehalem -smp 2 -m 2048 \
    -nographic -nodefaults -serial stdio -no-reboot \
    -kernel "kernel/boot/vmlinuz-$version" -initrd initrd.gz -append "console=ttyS0 quiet panic=-1" \
    -fsdev local,id=root,path=/,security_model=none,readonly=on,multidevs=remap \
    -device virtio-9p-pci,fsdev=root,mount_tag=host < /dev/null 2>&1 | tee vm.log
grep -q '^GUEST=0' vm.log
