# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real containerd, started as k3s, RKE2, k0s and MicroK8s start theirs: what starts it is emulated.

Read from their sources: k3s pkg/agent/containerd, scripts/build, cmd/k3s and k3s.service; rke2 bundle/lib/systemd;
k0s pkg/supervisor, pkg/component/worker/containerd and pkg/install; microk8s wrappers and snapcraft.yaml.
"""

from dataclasses import dataclass

from lab import cri, recipe, workloads

# Starts containerd and waits for its end. k3s and RKE2 have it killed with themselves, and end when it ends; k0s asks
# it to stop before it ends itself, and starts it again five seconds after it ended.
SUPERVISOR = r"""
import ctypes, os, signal, socket, subprocess, sys, time

way, address, path, delay, *argv = sys.argv[1:]
environment = dict(os.environ, PATH=path + ":" + os.environ["PATH"])
notify = environment.pop("NOTIFY_SOCKET", None)
environment.pop("PYTHONHOME", None)


def die_with_me():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def start():
    if way == "k0s":
        return subprocess.Popen(argv, env=dict(environment, _K0S_MANAGED="yes"), process_group=0)
    return subprocess.Popen(argv, env=environment, preexec_fn=die_with_me)


def serves():
    with socket.socket(socket.AF_UNIX) as one:
        return one.connect_ex(address) == 0


def stop(*_signal):
    global stopping
    stopping = True
    child.terminate()


stopping = False
time.sleep(float(delay))
child = start()
if way == "k0s":
    signal.signal(signal.SIGTERM, stop)
else:
    while not serves() and child.poll() is None:
        time.sleep(0.1)
    if notify:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
            one.sendto(b"READY=1", notify)
while True:
    child.wait()
    if way != "k0s" or stopping:
        sys.exit(0 if stopping else 1)
    time.sleep(5)
    child = start()
"""

# The program of the product: its ctr, or itself, under its own name.
PROGRAM = """#!/bin/sh
if [ "$1" = ctr ]; then shift; exec /usr/bin/ctr "$@"; fi
exec /opt/lab/NAME /opt/lab/supervisor.py WAY ADDRESS BIN "$(cat /opt/lab/delay)" COMMAND
"""
SNAP = """#!/bin/sh
export PATH="/snap/microk8s/current/usr/bin:/snap/microk8s/current/bin:$PATH"
exec COMMAND
"""
# $1 is the directory of the product's programs, $2 its name, $3 the unit, $4 the socket, $5 containerd's root.
INSTALL = r"""
systemctl stop containerd
systemctl mask -q containerd.service
mkdir -p "$1" /opt/lab "$5" /var/lib/containerd/product
# The file system of a lab host is an overlay, on which none of containerd's own can lie.
mount --bind /var/lib/containerd/product "$5"
for program in containerd containerd-shim-runc-v2 ctr; do cp "/usr/bin/$program" "$1/$program"; done
cp "$(command -v runc)" "$1/runc"
case $2 in
k3s) mv "$1/containerd" "$1/k3s"; ln -s k3s "$1/containerd"; ln -sfn "${1%/bin}" /var/lib/rancher/k3s/data/current ;;
k0s) rm "$1/ctr" ;;
microk8s) ln -sfn 7229 /snap/microk8s/current ;;
esac
cp "$(readlink -f /usr/bin/python3)" "/opt/lab/$2"
systemctl daemon-reload
systemctl enable -q "$3"
systemctl start "$3"
until ctr --address "$4" version >/dev/null 2>&1; do sleep 0.2; done
"""

_UNIT = """[Unit]
Description=lab
[Service]
Type={type}
ExecStart={start}
Environment=PYTHONHOME=/usr
KillMode=process
Delegate=yes
TasksMax=infinity
TimeoutStartSec={timeout}
Restart=always
RestartSec={again}
{more}
[Install]
WantedBy=multi-user.target
"""
_RKE2_STOP = (
    "ExecStopPost=-/bin/sh -c \"systemd-cgls /system.slice/%n | grep -Eo '[0-9]+ (containerd|kubelet)'"
    " | awk '{print $1}' | xargs -r kill\""
)


@dataclass(frozen=True)
class Product:
    """One of them: its unit, where its programs and containerd's things are, and how it starts containerd.

    ``flags`` says whether the directories are arguments; else they are in the configuration. ``kind`` is the kind of
    host that it is put on.
    """

    name: str
    kind: str
    unit: str
    bin: str
    config: str
    state: str
    root: str
    address: str
    start: str
    flags: bool = True
    service: str = "notify"
    timeout: str = "0"
    again: str = "5s"
    more: str = ""

    @property
    def argv(self):
        """containerd's command line."""
        words = [f"--config={self.config}" if self.name in ("k0s", "microk8s") else f"-c {self.config}"]
        if self.flags:
            words += [f"--address={self.address}", f"--state={self.state}", f"--root={self.root}"]
        program = "containerd" if self.name == "k3s" else f"{self.bin}/containerd"
        return " ".join([program, *words])

    def files(self, line):
        """The files that are put on the host, by their paths; containerd is of that release line."""
        config = recipe.CONTAINERD_CONFIGS[line]
        if not self.flags:
            head, _newline, rest = config.partition("\n")
            config = (
                f'{head}\nroot = "{self.root}"\nstate = "{self.state}"\n{rest}[grpc]\n  address = "{self.address}"\n'
            )
        text = SNAP if self.name == "microk8s" else PROGRAM
        way = "k0s" if self.name == "k0s" else "k3s"
        values = {"NAME": self.name, "WAY": way, "ADDRESS": self.address, "BIN": self.bin, "COMMAND": self.argv}
        for word, value in values.items():
            text = text.replace(word, value)
        unit = _UNIT.format(type=self.service, start=self.start, timeout=self.timeout, again=self.again, more=self.more)
        return {
            self.config: config,
            "/opt/lab/supervisor.py": SUPERVISOR,
            "/opt/lab/delay": "0",
            self.start.split()[0]: text,
            f"/etc/systemd/system/{self.unit}": unit,
        }


PRODUCTS = {
    one.name: one
    for one in (
        Product(
            "k3s",
            "trixie-2.1",
            "k3s.service",
            f"/var/lib/rancher/k3s/data/{'5b' * 32}/bin",
            "/var/lib/rancher/k3s/agent/etc/containerd/config.toml",
            "/run/k3s/containerd",
            "/var/lib/rancher/k3s/agent/containerd",
            "/run/k3s/containerd/containerd.sock",
            "/usr/local/bin/k3s server",
            flags=False,
        ),
        Product(
            "rke2",
            "trixie-1.7",
            "rke2-server.service",
            "/var/lib/rancher/rke2/data/v1.31.1-rke2r1-0123456789ab/bin",
            "/var/lib/rancher/rke2/agent/etc/containerd/config.toml",
            "/run/k3s/containerd",
            "/var/lib/rancher/rke2/agent/containerd",
            "/run/k3s/containerd/containerd.sock",
            "/usr/local/bin/rke2 server",
            more=_RKE2_STOP,
        ),
        Product(
            "k0s",
            "1.7",
            "k0sworker.service",
            "/var/lib/k0s/bin",
            "/etc/k0s/containerd.toml",
            "/run/k0s/containerd",
            "/var/lib/k0s/containerd",
            "/run/k0s/containerd.sock",
            "/usr/local/bin/k0s worker",
            service="simple",
            again="10",
        ),
        Product(
            "microk8s",
            "1.6",
            "snap.microk8s.daemon-containerd.service",
            "/snap/microk8s/7229/bin",
            "/var/snap/microk8s/7229/args/containerd.toml",
            "/var/snap/microk8s/common/run/containerd",
            "/var/snap/microk8s/common/var/lib/containerd",
            "/var/snap/microk8s/common/run/containerd.sock",
            "/usr/bin/snap run microk8s.daemon-containerd",
            timeout="300",
            again="100ms",
        ),
    )
}


def install(host, product):
    """Put a product on a host in place of its containerd, and start a pod and a plain container on it."""
    for name, text in product.files(host.release).items():
        path = host.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    host.script("chmod 755 $1", product.start.split()[0])
    host.script(INSTALL, product.bin, product.name, product.unit, product.address, product.root, timeout=60)
    ctr = ("ctr", "--address", product.address, "--namespace", cri.CRI_NAMESPACE)
    host.run([*ctr, "images", "import", recipe.ARCHIVE])
    host.run([*ctr, "run", "-d", "--null-io", "--rootfs", recipe.ROOTFS, "plain", *workloads.IDLE])
    with cri.Client(host, socket=product.address) as client:
        client.await_image()
        workloads.run_pod(host, "web", client=client)


def tasks(host, product):
    """The pid and start time of each task, as containerd lists them."""
    said = host.run(["ctr", "--address", product.address, "--namespace", cri.CRI_NAMESPACE, "tasks", "ls"]).stdout
    rows = [line.split() for line in said.splitlines()[1:]]
    return {row[0]: int(row[1]) for row in rows if row[2] == "RUNNING"}


def containerd(host, product):
    """The pid that serves containerd's socket, and that of the unit's main process."""
    main = int(host.script("systemctl show -p MainPID --value $1", product.unit))
    serving = host.script('ss -xlpH src "$1" | grep -o "pid=[0-9]*" | head -n 1', product.address)
    return int(serving.strip().removeprefix("pid=")), main
