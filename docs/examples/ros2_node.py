#!/usr/bin/env python3
"""Detections of kws-edge as ROS 2 topics: docs/examples/README.md.

/keyword (std_msgs/String) has the label of each detection, names of sequences among them, and
/keyword/event each event as JSON. The node ends with kws-edge.
"""

import json
import shlex
import subprocess
import threading

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from std_msgs.msg import String


class KeywordNode(Node):
    def __init__(self) -> None:
        super().__init__("kws_edge")
        command = self.declare_parameter("command", "kws-edge listen --json").value
        self.keywords = self.create_publisher(String, "keyword", 10)
        self.events = self.create_publisher(String, "keyword/event", 10)
        self.process = subprocess.Popen(shlex.split(command), stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self.forward, daemon=True).start()

    def forward(self) -> None:
        for line in self.process.stdout:
            event = json.loads(line)
            self.events.publish(String(data=line.strip()))
            if event["type"] == "detection":
                self.keywords.publish(String(data=event["label"]))
        self.get_logger().info(f"kws-edge ended with exit code {self.process.wait()}")
        rclpy.try_shutdown()


def main() -> None:
    rclpy.init()
    node = KeywordNode()
    try:
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        node.process.terminate()


if __name__ == "__main__":
    main()
