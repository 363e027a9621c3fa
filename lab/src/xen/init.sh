#!/bin/sh
# The init of dom0: makes it the first domain of a Xen, without a disk and without a service manager.
#
# Lines that begin with "dom0: " are shown to whoever waits for the machine.

export PATH=/bin:/usr/lib/xen-4.17/bin

fail() {
    echo "dom0: $*"
    # xtask sees the machine end, and shows these lines.
    poweroff -f
}

/bin/busybox --install -s /bin

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t tmpfs run /run
# xenconsoled makes a terminal for each guest; without one the guest ends at once.
mkdir /dev/pts
mount -t devpts devpts /dev/pts

# In this order: each needs some of those before it.
while read -r module; do
    insmod "/modules/$module.ko" || fail "cannot load the kernel module $module"
done </modules/order

mount -t xenfs xenfs /proc/xen
mkdir -p /var/lib/xen /var/lib/xenstored /var/log/xen/console /var/run/xen /var/run/xenstored

echo "dom0: starting the tools of Xen"
xenstored --pid-file /var/run/xenstored.pid || fail "xenstored does not start"
# It writes the file when it can be talked to.
until [ -s /var/run/xenstored.pid ]; do usleep 20000; done
# Without it no guest can be started, ended or given a network: if memory runs out, another process ends.
echo -1000 >"/proc/$(cat /var/run/xenstored.pid)/oom_score_adj" || fail "xenstored cannot be protected"
xen-init-dom0 >/dev/null || fail "xen-init-dom0 failed"
# What guests write goes to /var/log/xen/console/guest-NAME.log.
xenconsoled --log=guest || fail "xenconsoled does not start"

# Room for 64 datagrams of any size that wait to be read, or for their other fragments.
echo 8388608 >/proc/sys/net/core/rmem_max
echo 8388608 >/proc/sys/net/core/rmem_default
echo 67108864 >/proc/sys/net/ipv4/ipfrag_high_thresh

# The network of the guests. The back ends and the way from the host have no IPv6, and the bridge has the addresses that are given
# here: otherwise the kernel would send packets that nobody asked for.
ipv6=/proc/sys/net/ipv6/conf
echo 1 >$ipv6/default/disable_ipv6
brctl addbr xenbr0
ip link set lo up
ip addr add 10.0.0.1/24 dev xenbr0
# No address made of the hardware address, no search for duplicates, no search for routers.
echo 1 >$ipv6/xenbr0/addr_gen_mode
echo 0 >$ipv6/xenbr0/accept_dad
echo 0 >$ipv6/xenbr0/dad_transmits
echo 0 >$ipv6/xenbr0/router_solicitations
echo 0 >$ipv6/xenbr0/accept_ra
echo 0 >$ipv6/xenbr0/disable_ipv6
ip -6 addr add fd00::1/64 dev xenbr0
ip -6 addr add fe80::1/64 dev xenbr0
ip link set xenbr0 up
# The way from the host, where there is one.
if [ -e /sys/class/net/eth0 ]; then
    brctl addif xenbr0 eth0
    ip link set eth0 up
fi

# QEMU calls the port "agent"; with devtmpfs alone there is no link of that name.
port=
for candidate in /sys/class/virtio-ports/*; do
    [ "$(cat "$candidate/name")" = agent ] && port=/dev/${candidate##*/}
done
[ -c "$port" ] || fail "there is no port to talk to xtask over"
echo "dom0: starting the agent"
dom0 agent "$port"
fail "the agent ended with status $?"
