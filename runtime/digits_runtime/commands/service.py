"""`digits-cam service`: a systemd unit that keeps a camera read for good."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from digits_runtime.errors import InputError

# Frames must be read at least so often, or systemd starts the service anew.
_WATCHDOG_S = 30

_UNIT = """\
# Written by `digits-cam service`; put it into /etc/systemd/system/ and then
#   systemctl daemon-reload && systemctl enable --now digits-cam
[Unit]
Description=Reads numbers in front of a camera
Wants=network-online.target
After=network-online.target
# A camera may be away for days.
StartLimitIntervalSec=0

[Service]
# Ready once a first frame is read; the watchdog is fed by frames that are read, by nothing else.
Type=notify
NotifyAccess=main
ExecStart={command} --config {config} --wait
WatchdogSec={watchdog}
TimeoutStartSec=infinity
Restart=on-failure
RestartSec=2
# Bad input wants a person, not another try.
RestartPreventExitStatus=2
# What is told to stop ends with 130.
SuccessExitStatus=130
# Only the reader is told to stop; it ends the process that holds the camera.
KillMode=mixed
TimeoutStopSec=10
# Secrets such as DIGITS_CAM_TOKEN, readable by root alone.
EnvironmentFile=-/etc/default/digits-cam

MemoryMax={memory}M
TasksMax=64
DynamicUser=yes
SupplementaryGroups=video
StateDirectory=digits-cam
WorkingDirectory=%S/digits-cam
DevicePolicy=closed
DeviceAllow=char-video4linux rw
DeviceAllow=char-media rw
DeviceAllow=char-dma_heap rw
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
NoNewPrivileges=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
RestrictNamespaces=yes
RestrictRealtime=yes
LockPersonality=yes
SystemCallArchitectures=native

[Install]
WantedBy=multi-user.target
"""


def unit(config: Path, memory: int) -> str:
    """The unit's text.

    Args:
        config: TOML file with the options of the service.
        memory: MiB it may take.

    Raises:
        InputError: The configuration is not there, or this is no systemd's machine.
    """
    if sys.platform != "linux":
        raise InputError("systemd is Linux only; here a service must be set up by hand")
    if not config.is_file():
        raise InputError(
            f'there is no file {config}: write one, such as source = "0", or give --config'
        )
    program = Path(sys.argv[0]).resolve()
    command = [str(program)]
    if program.suffix == ".py" or not program.is_file():
        command = [sys.executable, "-m", "digits_runtime.commands.cam"]
    return _UNIT.format(
        command=shlex.join(command).replace("%", "%%"),
        config=shlex.quote(str(config.resolve())).replace("%", "%%"),
        watchdog=_WATCHDOG_S,
        memory=memory,
    )
