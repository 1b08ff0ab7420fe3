# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""containerd_hold: what it finds on real hosts, that it keeps it still, and that everything is as before afterwards."""

import contextlib
import subprocess

import play
import pytest
from waiting import every

RUNTIME = "/run/systemd/system"
DOCTORS = ["node-doctor.service", "lazy-doctor.service", "absent-doctor.service"]
SNIPPET = "/etc/needrestart/conf.d/zz-shimops-hold.conf"
RECORD = "/var/lib/shimops/held.json"
CLAIM = "/var/lib/shimops/claim.json"
WATCHED = (
    "apt-daily.timer apt-daily-upgrade.timer containerd-monitor.service node-doctor.service lazy-doctor.service "
    "node-problem-detector.service containerd.service"
)

# apt-daily.timer is the real one; apt-daily-upgrade.timer stays masked. The units are in /run: nothing of them is left.
NOISE = r"""
rm -f /etc/systemd/system/apt-daily.timer
unit() {
    printf '[Unit]\nDescription=lab\n[Service]\nExecStart=/bin/sleep 100000\n%s\n' "$2" > "$1/$3.service"
}
unit /run/systemd/system "" containerd-monitor
unit /run/systemd/system "ExecStop=/bin/sh -c '[ ! -p /run/shimops-stop ] || read x < /run/shimops-stop'" node-doctor
unit /run/systemd/system "" lazy-doctor
unit /run/systemd/system "" node-problem-detector
mkdir -p /run/systemd/system/containerd.service.wants /etc/needrestart/conf.d
ln -sf ../node-problem-detector.service /run/systemd/system/containerd.service.wants/
systemctl daemon-reload
systemctl start apt-daily.timer containerd-monitor node-doctor node-problem-detector
apt-mark hold runc >/dev/null
cat > /usr/bin/snap <<'SNAP'
#!/bin/sh
case "$1 $2" in
    "list ") echo "Name Version Rev Tracking Publisher Notes"
        echo "microk8s v1.31 7229 latest canonical $([ ! -e /run/shimops-snap ] && echo classic || echo classic,held)"
        echo "lxd 5.21 1 latest canonical -" ;;
    "refresh --hold=24h") touch /run/shimops-snap ;;
    "refresh --unhold") rm /run/shimops-snap ;;
    *) exit 64 ;;
esac
SNAP
chmod 755 /usr/bin/snap
cp /bin/sleep /usr/bin/dockerd
systemctl is-active -q lab-dockerd || systemd-run -q --unit=lab-dockerd /usr/bin/dockerd 100000
"""

QUIET = r"""
systemctl stop lab-dockerd apt-daily.timer containerd-monitor node-doctor lazy-doctor node-problem-detector || true
rm -rf /run/systemd/system/containerd.service.wants /etc/needrestart /usr/bin/snap /usr/bin/dockerd /run/shimops-snap \
    /run/shimops-stop /var/lib/shimops/held.json /var/lib/shimops/claim.json /etc/shimops
for name in containerd-monitor node-doctor lazy-doctor node-problem-detector; do
    rm -f "/run/systemd/system/$name.service"
done
ln -sf /dev/null /etc/systemd/system/apt-daily.timer
systemctl daemon-reload
apt-mark unhold runc containerd >/dev/null
"""

STATE = r"""
for unit in $1; do
    systemctl show --property=Id,LoadState,ActiveState,UnitFileState,FragmentPath,DropInPaths "$unit" | paste -sd ' '
done
apt-mark showhold
find /etc/systemd /run/systemd/system /etc/needrestart -printf '%p %y %l\n' | sort
snap list
systemctl show --property=MainPID containerd
"""

# What needrestart does with a snippet: it reads the file and evaluates it.
EVALUATE = r"""
our %nrconf; $nrconf{override_rc} = { qr(^dbus) => 0 };
my $text = do { local(@ARGV, $/) = $ARGV[0]; <> }; eval $text; die $@ if $@;
for my $unit ("containerd.service", "k3s-agent.service", "docker.service", "ssh.service", "containerdXservice") {
    my @kept = grep { $unit =~ /$_/ && !$nrconf{override_rc}{$_} } keys %{$nrconf{override_rc}};
    print "$unit ", scalar(@kept), "\n";
}
"""

# Holds dpkg's lock as apt does, until its input ends.
LOCK = """
import fcntl, sys
lock = open("/var/lib/dpkg/lock-frontend", "r+")
fcntl.lockf(lock, fcntl.LOCK_EX)
print(1, flush=True)
sys.stdin.read()
"""


def hold(fleet, run_id="hold-1", hosts=None, check=False, **options):
    """Each host's result of containerd_hold."""
    args = {"run_id": run_id, "units": DOCTORS, **options}
    return play.run(fleet, "containerd_hold", {key: value for key, value in args.items() if value}, hosts, check)


def release(fleet, **options):
    """Each host's result of putting everything back."""
    return play.run(fleet, "containerd_hold", {"state": "released", **options})


def states(hosts):
    """What stands on each host that a hold could have changed, by the host's name."""
    return play.together(hosts.values(), lambda host: host.script(STATE, WATCHED))


def active(host, unit):
    """Whether a unit is active."""
    return host.run(["systemctl", "is-active", unit], check=False).stdout.strip() == "active"


def rows(result, part="found"):
    """The rows of a result by name."""
    return {row["name"]: row for row in result[part]}


@contextlib.contextmanager
def locked(hosts):
    """dpkg's lock is held on every host, until the block ends or the input of a holder is closed; gives the holders."""
    argv = ["python3", "-c", LOCK]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    holders = [host.popen(argv, **pipes) for host in hosts.values()]
    try:
        for holder in holders:
            assert holder.stdout.readline().strip() == "1"
        yield holders
    finally:
        for holder in holders:
            holder.stdin.close()
            holder.wait(30)


@pytest.fixture
def noisy(fleet, hosts):
    """The hosts with all that interferes on them, some of it off, masked or held before."""
    play.together(hosts.values(), lambda host: host.script(QUIET + NOISE))
    yield hosts
    play.together(hosts.values(), lambda host: host.script(QUIET))


def test_check_mode_tells_and_touches_nothing(fleet, noisy):
    before = states(noisy)
    for name, result in hold(fleet, check=True, detail="full").items():
        assert not result["failed"] and result["changed"], name
        assert rows(result)["apt-daily.timer"]["reason"] == "would be held"
        assert rows(result)["apt-daily.timer"]["held"] is False
    assert states(noisy) == before
    assert not any(host.path(RECORD).exists() for host in noisy.values())


def test_everything_is_held_and_put_back_as_it_was(fleet, noisy):
    before = states(noisy)
    for name, result in hold(fleet, detail="full").items():
        assert not result["failed"] and result["changed"] and result["earlier_run"] is None, name
        found = rows(result)
        held = {
            "apt-daily.timer",
            "containerd-monitor.service",
            "node-doctor.service",
            "containerd",
            SNIPPET,
            "microk8s",
        }
        assert {row["name"] for row in found.values() if row["reason"] == "held now"} == held
        assert found["runc"]["held"] and found["runc"]["reason"] == "was held already"
        assert found["lazy-doctor.service"]["reason"] == "it does not run"
        assert found["absent-doctor.service"]["reason"] == "there is no such unit here"
        assert not found["node-problem-detector.service"]["held"]
        assert "containerd.service starts it again" in found["node-problem-detector.service"]["reason"]
        assert not found["dockerd"]["held"] and "live-restore" in found["dockerd"]["reason"]
        assert "apt-daily-upgrade.timer" not in found, "what was masked is not looked at twice"
        assert result["summary"]["held"] == 9 and result["summary"]["not_held"] == 2
    for host in noisy.values():
        for unit in ("apt-daily.timer", "containerd-monitor.service", "node-doctor.service"):
            assert not active(host, unit)
        assert active(host, "node-problem-detector.service")
        assert host.script("apt-mark showhold").split() == ["containerd", "runc"]
        judged = dict(line.split() for line in host.run(["perl", "-e", EVALUATE, SNIPPET]).stdout.splitlines())
        assert judged == {
            "containerd.service": "1",
            "k3s-agent.service": "1",
            "docker.service": "1",
            "ssh.service": "0",
            "containerdXservice": "0",
        }
        assert host.script('stat -c "%a %U" "$1"', RECORD).split() == ["600", "root"]
    held = states(noisy)
    for name, result in hold(fleet).items():
        assert not result["failed"] and not result["changed"], name
    assert states(noisy) == held
    # Somebody starts one of them: the same run holds it again, and still knows how it was before.
    play.together(noisy.values(), lambda host: host.script("systemctl start containerd-monitor"))
    for name, result in hold(fleet).items():
        assert result["changed"], name
    assert states(noisy) == held
    # An installation in between can take a mark away that was there before.
    play.together(noisy.values(), lambda host: host.script("apt-mark unhold runc"))
    for name, result in release(fleet, detail="full").items():
        assert not result["failed"] and result["changed"] and result["earlier_run"] == "hold-1", name
        assert rows(result, "released")["apt-daily.timer"]["reason"] == "started again"
        assert rows(result, "released")["runc"]["reason"] == "on hold again, as before"
    assert states(noisy) == before
    for name, result in release(fleet).items():
        assert not result["failed"] and not result["changed"] and result["released"] == [], name
    assert not any(host.path(RECORD).exists() for host in noisy.values())


def test_what_a_dead_run_held_is_put_back_and_reported_by_the_next(fleet, noisy):
    before = states(noisy)
    # A controller that dies after this leaves the hosts as they are now: with its holds, and its claim on them.
    hold(fleet, "dead-1")
    for name, result in hold(fleet, "alive-2").items():
        assert result["failed"] and not result["changed"] and "is held by run dead-1" in result["msg"], name
    play.together(noisy.values(), lambda host: host.script('rm "$1"', CLAIM))
    for name, result in hold(fleet, "alive-2").items():
        assert not result["failed"] and result["changed"] and result["earlier_run"] == "dead-1", name
        assert "7 put back that the run dead-1 had held" in result["msg"]
        assert rows(result, "found")["apt-daily.timer"]["reason"] == "held now"
    for name, result in release(fleet).items():
        assert result["earlier_run"] == "alive-2", name
    assert states(noisy) == before


def test_a_module_killed_in_the_middle_leaves_a_record_that_puts_all_back(fleet, noisy):
    before = states(noisy)
    # node-doctor does not stop before somebody writes to this FIFO, so the module is surely in the middle.
    play.together(noisy.values(), lambda host: host.script("mkfifo /run/shimops-stop"))
    args = {"run_id": "cut-1", "units": DOCTORS}
    running = play.start(fleet, "containerd_hold", args)
    try:
        every(noisy, lambda host: host.path(RECORD).exists() and not active(host, "node-doctor.service"))
        # The module is the parent of its systemctl.
        kill = 'kill -s KILL "$(ps -o ppid= -p "$(pgrep -f "systemctl stop -- node-doctor")" | tr -d " ")"'
        play.together(noisy.values(), lambda host: host.script(kill))
        assert running.wait(60) != 0
    finally:
        running.kill()
        running.wait()
        play.together(noisy.values(), lambda host: host.script("echo go 1<> /run/shimops-stop; rm /run/shimops-stop"))
    every(noisy, lambda host: "inactive" in host.run(["systemctl", "is-active", "node-doctor"], check=False).stdout)
    assert states(noisy) != before
    for name, result in release(fleet, detail="full").items():
        assert not result["failed"] and result["earlier_run"] == "cut-1", name
        assert rows(result, "released")["node-doctor.service"]["reason"] == "started again"
    assert states(noisy) == before


def test_a_package_manager_at_work_is_waited_for_and_then_refused(fleet, noisy):
    before = states(noisy)
    with locked(noisy) as holders:
        for name, result in hold(fleet, wait_timeout=1).items():
            assert result["failed"] and not result["changed"], name
            assert "the package manager is at work: python3 (pid " in result["msg"]
            assert "holds /var/lib/dpkg/lock-frontend; wait for it to end, or raise wait_timeout." in result["msg"]
        assert states(noisy) == before
        assert not any(host.path(RECORD).exists() for host in noisy.values())
        running = play.start(fleet, "containerd_hold", {"run_id": "patient", "units": DOCTORS, "wait_timeout": 60})
        try:
            every(noisy, lambda host: not active(host, "apt-daily.timer"))
            for holder in holders:
                holder.stdin.close()
            said = running.communicate(timeout=90)[0]
            assert running.returncode == 0, said
        finally:
            running.kill()
            running.wait()
    assert all(host.script("apt-mark showhold").split() == ["containerd", "runc"] for host in noisy.values())
    release(fleet)
    assert states(noisy) == before


def test_a_stop_file_forbids_holding_and_not_putting_back(fleet, noisy):
    before = states(noisy)
    hold(fleet)
    play.together(noisy.values(), lambda host: host.script("mkdir -p /etc/shimops; touch /etc/shimops/hold"))
    for name, result in hold(fleet, "hold-2").items():
        assert result["failed"] and not result["changed"] and "/etc/shimops/hold" in result["msg"], name
    for name, result in release(fleet).items():
        assert not result["failed"], name
    assert states(noisy) == before
