# The service echo in Nomad, with its driver for QEMU: nomad job run letregion-echo.nomad.hcl. docs/fleet.md says what it needs.

job "letregion-echo" {
  group "echo" {
    count = 3

    network {
      port "echo" {}
      port "counters" {}
    }

    # One at a time; the next one when this one has run for 5 seconds.
    update {
      max_parallel     = 1
      health_check     = "task_states"
      min_healthy_time = "5s"
      auto_revert      = true
    }

    # A guest that crashes ends its machine, as one with a wrong argument does.
    restart {
      attempts = 10
      interval = "1m"
      delay    = "1s"
      mode     = "fail"
    }

    service {
      name     = "letregion-echo"
      port     = "echo"
      provider = "nomad"
    }

    task "echo" {
      driver       = "qemu"
      kill_timeout = "5s"

      # Each client needs the file: an artifact may have any source that Nomad knows.
      artifact {
        source      = "https://files.example.com/letregion/echo-1-kvm"
        destination = "local/echo-kvm"
        mode        = "file"
      }

      config {
        # The driver asks for a disk. The guest has no driver for one, and does not look at it.
        image_path  = "local/echo-kvm"
        accelerator = "kvm"
        # The power button of the machine ends the guest.
        graceful_shutdown = true
        # The network is that of QEMU: a guest is 10.0.2.15 behind 10.0.2.2, which forwards the ports.
        args = [
          "-no-reboot",
          "-kernel", "local/echo-kvm",
          "-append", "--ipv4=10.0.2.15/24 --ipv4-gateway=10.0.2.2 --stats-port=9100",
        ]
        port_map {
          echo     = 8080
          counters = 9100
        }
      }

      resources {
        cpu = 100
        # MiB. The driver takes no less than 128.
        memory = 128
      }
    }
  }
}
