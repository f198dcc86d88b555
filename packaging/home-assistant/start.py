"""Start kws-edge as the app of Home Assistant: options and MQTT broker become its flags.

The Supervisor leaves the options in a file that root alone may read, and names the broker to those
who have its token. Both are read as root; kws-edge runs as a user without rights.
"""

import json
import os
import pwd
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

USER = "kws-edge"
OPTIONS = Path("/data/options.json")
LOGIN = Path("/data/mqtt-login")
SHARED = Path("/config")  # the app's folder that people reach: models, clips, recordings
INGRESS = "172.30.32.2"  # where the Supervisor connects from
BROKER = "http://supervisor/services/mqtt"


def arguments(options: Mapping[str, Any], broker: Mapping[str, Any] | None) -> list[str]:
    """The command line for ``options``; ``broker`` is what the Supervisor answers, if any."""
    given: dict[str, object] = {
        "model": options.get("model"),
        "keywords": json.dumps(options["keywords"]) if options.get("keywords") else None,
        "detector-preset": options.get("preset"),
        "detector-threshold": options.get("threshold"),
        "clips-folder": SHARED / "clips" if options.get("save_clips") else None,
        "page-host": "0.0.0.0",  # noqa: S104 - the ingress alone is answered
        "page-port": 9755,
        "page-proxy": INGRESS,
        "page-recordings": SHARED / "recordings",
    }
    if (SHARED / "config.yaml").exists():
        given["config"] = SHARED / "config.yaml"
    if broker:
        given |= {
            "mqtt-host": broker["host"],
            "mqtt-port": broker["port"],
            "mqtt-tls": json.dumps(bool(broker.get("ssl"))),
            "mqtt-password-file": LOGIN if broker.get("username") else None,
            "mqtt-topic": options.get("mqtt_topic"),
            "mqtt-control": json.dumps(bool(options.get("control"))),
        }
    flags = [f"--{name}={value}" for name, value in given.items() if value is not None]
    return ["kws-edge", "listen", "--wait", "--plain", *flags]


def find_broker() -> dict[str, Any] | None:
    """The broker that another app offers; None without one."""
    token = os.environ.get("SUPERVISOR_TOKEN", "")
    request = urllib.request.Request(BROKER, headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            found: dict[str, Any] = json.load(answer)["data"]
    except (OSError, ValueError, KeyError) as error:
        sys.stderr.write(f"kws-edge: no MQTT broker from the Supervisor: {error}\n")
        return None
    return found


def main() -> None:
    try:
        options = json.loads(OPTIONS.read_text())
    except (OSError, ValueError) as error:
        sys.stderr.write(f"kws-edge: {OPTIONS}: {error}; this image is for Home Assistant alone\n")
        sys.exit(66)
    broker = find_broker()
    user = pwd.getpwnam(USER)
    if broker and broker.get("username"):
        LOGIN.touch(mode=0o600)
        LOGIN.write_text(f"{broker['username']}:{broker['password']}")
        os.chown(LOGIN, user.pw_uid, user.pw_gid)
    for folder in (SHARED, SHARED / "clips", SHARED / "recordings"):
        folder.mkdir(mode=0o700, exist_ok=True)
        os.chown(folder, user.pw_uid, user.pw_gid)
    os.chdir(user.pw_dir)
    os.initgroups(USER, user.pw_gid)
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    os.environ["HOME"] = user.pw_dir
    os.environ.pop("SUPERVISOR_TOKEN", None)
    command = arguments(options, broker)
    os.execvp(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main()
