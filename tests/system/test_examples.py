"""The examples of docs/examples: real programs, with a stub of rclpy."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

EXAMPLES = ROOT / "docs" / "examples"
# The documented interface of rclpy, as far as the node uses it; publishing writes a line to the
# file PUBLISHED.
STUBS = {
    "rclpy/__init__.py": """
import threading
from rclpy.executors import ExternalShutdownException
_down = threading.Event()
def init(): ...
def try_shutdown(): _down.set()
def spin(node):
    assert _down.wait(100)
    raise ExternalShutdownException
""",
    "rclpy/executors.py": "class ExternalShutdownException(Exception): ...\n",
    "rclpy/node.py": """
import json, os
class _Parameter:
    value = os.environ["COMMAND"]
class _Publisher:
    def __init__(self, topic): self.topic = topic
    def publish(self, message):
        with open(os.environ["PUBLISHED"], "a") as file:
            file.write(json.dumps([self.topic, message.data]) + "\\n")
class Node:
    def __init__(self, name): self.name = name
    def declare_parameter(self, name, value): return _Parameter()
    def create_publisher(self, kind, topic, depth): return _Publisher(topic)
    def get_logger(self): return self
    def info(self, text): print(text)
""",
    "std_msgs/__init__.py": "",
    "std_msgs/msg.py": "class String:\n    def __init__(self, *, data=''): self.data = data\n",
}


def test_the_ros_2_node_publishes_labels_and_events(tmp_path: Path) -> None:
    for name, text in STUBS.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    published = tmp_path / "published.jsonl"
    listen = f"{sys.executable} -m kws_edge listen --input {ROOT}/recordings/demo.wav --json"
    result = subprocess.run(
        [sys.executable, EXAMPLES / "ros2_node.py"],
        env={
            **os.environ,
            "PYTHONPATH": f"{tmp_path}:{ROOT}",
            "PUBLISHED": str(published),
            "COMMAND": f"{listen} --sequences '[{{name: left_down, words: [left, down]}}]'",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "kws-edge ended with exit code 0" in result.stdout
    messages = [json.loads(line) for line in published.read_text().splitlines()]
    labels = [data for topic, data in messages if topic == "keyword"]
    events = [json.loads(data) for topic, data in messages if topic == "keyword/event"]
    assert "left_down" in labels
    assert labels == [event["label"] for event in events if event["type"] == "detection"]


def test_the_node_red_flow_is_wired_and_reads_fields_of_events() -> None:
    nodes = {node["id"]: node for node in json.loads((EXAMPLES / "node-red-flow.json").read_text())}
    for node in nodes.values():
        assert {target for output in node.get("wires", []) for target in output} <= nodes.keys()
        assert {node[key] for key in ("z", "client") if key in node} <= nodes.keys()
    properties = {node["property"] for node in nodes.values() if node["type"] == "switch"}
    schema = json.loads((ROOT / "docs" / "event.schema.json").read_text())["properties"]
    assert properties <= schema.keys()
    assert nodes["kws-socket"]["path"] == "ws://127.0.0.1:9755/api/stream"


@pytest.mark.parametrize("name", ["ros2_node.py", "node-red-flow.json"])
def test_an_example_is_short(name: str) -> None:
    assert len((EXAMPLES / name).read_text().splitlines()) <= 50
