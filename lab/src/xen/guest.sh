#!/bin/sh
# The init of the Linux guest: an address, and a service, whose program is named. The kernel
# passes the arguments that follow "--" on its command line.

export PATH=/bin

/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev

for argument; do
    case $argument in
    --ipv4=*) address=${argument#--ipv4=} ;;
    --program=*) program=${argument#--program=} ;;
    # Its interface stays: nothing looks for another one, which takes processor time.
    --interface-stays) stays=yes ;;
    esac
done

# Room for 64 datagrams of any size that wait to be read.
echo 8388608 >/proc/sys/net/core/rmem_max
echo 8388608 >/proc/sys/net/core/rmem_default

while read -r module; do insmod "/modules/$module.ko"; done </modules/order
until [ -d /sys/class/net/eth0 ]; do usleep 20000; done
echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6
ip link set lo up
ip addr add "$address" dev eth0
ip link set eth0 up

# "xl shutdown" makes the kernel call /sbin/poweroff, "xl reboot" /sbin/reboot; busybox would ask init,
# which is this script.
for action in poweroff reboot; do
    printf '#!/bin/sh\nexec /bin/busybox %s -f\n' "$action" >"/sbin/$action"
    chmod +x "/sbin/$action"
done

# An interface that is taken away and given back is a new one to Linux.
while [ -z "$stays" ] && usleep 200000; do
    if [ -d /sys/class/net/eth0 ] && ! ip addr show dev eth0 | grep -q "inet "; then
        ip addr add "$address" dev eth0
        ip link set eth0 up
    fi
done &

"$program" 8080
echo "the service ended with status $?"
poweroff -f
