#!/bin/sh
# Called by xl when a guest's network interface comes and goes. Does what Debian's own script does,
# which wants bash and far more packages: puts the interface on the bridge.
#
# xl passes the name of the interface as $vif and its folder in xenstore as $XENBUS_PATH.

export PATH=/bin

case $1 in
online)
    bridge=$(xenstore-read "$XENBUS_PATH/bridge")
    # The MTU of the guest: xl puts it there if the domain's file has one.
    if mtu=$(xenstore-read "$XENBUS_PATH/mtu" 2>/dev/null); then
        ip link set "$vif" mtu "$mtu"
    fi
    # No guest has the address of its back end.
    ip link set "$vif" address fe:ff:ff:ff:ff:ff
    ip link set "$vif" up
    if brctl addif "$bridge" "$vif"; then
        # The back end connects to the front end only after this.
        xenstore-write "$XENBUS_PATH/hotplug-status" connected
    else
        xenstore-write "$XENBUS_PATH/hotplug-error" "cannot add $vif to $bridge" \
            "$XENBUS_PATH/hotplug-status" error
    fi
    ;;
offline)
    # The interface may be gone already, and is then on no bridge any more.
    ip link set "$vif" down 2>/dev/null
    exit 0
    ;;
esac
