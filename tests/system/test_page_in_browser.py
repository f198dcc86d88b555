"""The page in a real, headless Chromium: what is seen, by mouse and by keyboard."""

import io
import json
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_training import fake_training
from sink_parts import wait_for
from virtual_microphone import VirtualMicrophone, virtual_microphone

from kws_edge.audio.files import read_audio, write_wav
from kws_edge.model.file import demo_recording, find_model

webdriver = pytest.importorskip("selenium.webdriver")
exceptions = pytest.importorskip("selenium.common.exceptions")
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromium-driver"),
]
RATE = 16000
WORDS = {"stop", "yes", "right", "no", "left", "down", "up"}  # that the model spots in the demo


microphone = pytest.fixture(virtual_microphone)


class Served:
    """A kws-edge with a page, and its clips and recordings."""

    def __init__(
        self,
        folder: Path,
        *arguments: object,
        port: int = 0,
        stdin: int | None = None,
        environment: dict[str, str] | None = None,
    ) -> None:
        self.clips, self.recordings = folder / "clips", folder / "recordings"
        command = [sys.executable, "-m", "kws_edge", *map(str, arguments), "--page-port", str(port)]
        command += ["--clips-folder", str(self.clips), "--page-recordings", str(self.recordings)]
        self.log = (folder / "log").open("w+")
        self.process = subprocess.Popen(
            command, stdin=stdin, stdout=subprocess.DEVNULL, stderr=self.log, env=environment
        )
        found = wait_for(lambda: re.findall(r"page: (http://\S+)", self.text()), "the address")
        self.address = found[0]

    def text(self) -> str:
        return Path(self.log.name).read_text()

    def state(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.address}api/state", timeout=30) as answer:  # noqa: S310
            state: dict[str, Any] = json.load(answer)
        return state

    def stop(self) -> None:
        self.process.terminate()
        assert self.process.wait(30) == 0, self.text()


@pytest.fixture(scope="module")
def long_recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo six times: two minutes."""
    path = tmp_path_factory.mktemp("audio") / "long.wav"
    write_wav(path, np.tile(read_audio(demo_recording(), RATE), 6), RATE)
    return path


@pytest.fixture
def served(tmp_path: Path, long_recording: Path) -> Iterator[Served]:
    page = Served(tmp_path, "listen", "--input", long_recording, "--pace", "real", "--sinks")
    yield page
    page.stop()


class Browser:
    """Chromium without a window."""

    def __init__(self) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
        self.size(1280, 900)

    def size(self, width: int, height: int) -> None:
        screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)

    def dark(self, value: bool) -> None:
        feature = {"name": "prefers-color-scheme", "value": "dark" if value else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})

    def ask(self, script: str) -> Any:
        return self.driver.execute_script(f"return {script}")

    def text(self, selector: str) -> str:
        """What is visible of an element; empty where it is not shown."""
        return next(iter(self.texts(selector)), "")

    def texts(self, selector: str) -> list[str]:
        for _ in range(10):
            with suppress(exceptions.StaleElementReferenceException):  # drawn anew meanwhile
                return [one.text for one in self.driver.find_elements("css selector", selector)]
        raise AssertionError(f"{selector} is drawn anew all the time")

    def click(self, selector: str) -> None:
        self.driver.find_element("css selector", selector).click()

    def press(self, *keys: str) -> None:
        actions = webdriver.ActionChains(self.driver)
        for key in keys:
            actions.send_keys(key)
        actions.perform()

    def focused(self) -> str:
        """The name by which a screen reader announces what has the focus."""
        return str(self.driver.switch_to.active_element.accessible_name)

    def tab_to(self, name: str) -> None:
        for _ in range(40):
            if name in self.focused():
                return
            self.press(webdriver.Keys.TAB)
        raise AssertionError(f"the Tab key never came to {name!r}")

    def picture(self) -> "np.ndarray[Any, np.dtype[np.uint8]]":
        """The pixels ``[rows, columns, 3]`` of the picture of scores."""
        from matplotlib.image import imread

        png = self.driver.find_element("id", "scores").screenshot_as_png
        return (imread(io.BytesIO(png), format="png")[..., :3] * 255).astype(np.uint8)

    def colour(self, name: str) -> list[int]:
        """A colour of the style sheet as red, green, blue."""
        text = self.ask(f"getComputedStyle(document.documentElement).getPropertyValue('--{name}')")
        return [int(text.strip()[n : n + 2], 16) for n in (1, 3, 5)]

    def faults(self) -> list[str]:
        return [one["message"] for one in self.driver.get_log("browser") if one["level"] != "DEBUG"]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    browser = Browser()
    yield browser
    browser.driver.quit()


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    chromium.size(1280, 900)
    chromium.dark(False)
    chromium.faults()
    yield chromium
    chromium.driver.get("about:blank")


def rows_of(picture: "np.ndarray[Any, np.dtype[np.uint8]]", colour: list[int]) -> list[int]:
    """Rows of which a third or more has that colour: dashed lines across the picture."""
    near = np.abs(picture.astype(int) - colour).max(axis=2) < 60
    return [int(row) for row in np.flatnonzero(near.mean(axis=1) > 1 / 3)]


def test_scores_thresholds_and_detections_are_seen(served: Served, browser: Browser) -> None:
    browser.driver.get(served.address)
    wait_for(lambda: len(browser.texts("#events li")) >= 4, "four detections")
    lines = [text.split("\n") for text in browser.texts("#events li")]
    assert {line[1].removeprefix("nearly ") for line in lines} <= WORDS | {"go"}
    assert all(0.5 < float(line[2]) <= 1 for line in lines)
    assert browser.text("#model") == "default"
    assert browser.text("#microphone") == "file or pipe"
    assert (browser.text("#lost"), browser.text("#dropped")) == ("0.0 s", "0")
    assert re.fullmatch(r"-?\d+ dBFS", browser.text("#level"))
    assert re.fullmatch(r"\d+\.\d %", browser.text("#cpu"))

    first = browser.picture()
    thresholds = rows_of(first, browser.colour("threshold"))
    lanes = np.diff([row for row in thresholds if row - 1 not in thresholds])
    assert len(lanes) == 7, "one line a keyword"
    # in every lane at nearly the same height: "up" has a threshold of its own
    assert set(lanes) <= {45, 46, 47}
    green = np.abs(first.astype(int) - browser.colour("good")).max(axis=2) < 20
    assert green.sum() > 4 * 30, "a dot for each detection"
    time.sleep(1)
    assert (first != browser.picture()).any(), "it moves"
    assert browser.faults() == []


def test_a_sound_is_seen_at_once(
    tmp_path: Path, browser: Browser, record_testsuite_property: Callable[[str, object], None]
) -> None:
    """From the first loud sample to the frame that shows it; 250 ms on a machine with time."""
    page = Served(tmp_path, "listen", "--input", "-", "--sinks", stdin=subprocess.PIPE)
    browser.driver.get(page.address)
    browser.ask(
        "(window.seen = [], new MutationObserver(() => seen.push([Date.now() / 1000,"
        " parseFloat(document.getElementById('level').textContent)])).observe("
        "document.getElementById('level'), {childList: true}))"
    )
    block = RATE // 50
    tone = (0.3 * 32767 * np.sin(np.arange(block) * 2 * np.pi * 500 / RATE)).astype("<i2")
    began, loud = time.time(), []
    for n in range(6 * 50):  # 6 s: each second begins with 0.2 s of a tone, from the third
        time.sleep(max(0.0, began + (n + 1) / 50 - time.time()))
        is_loud = n >= 150 and n % 50 < 10
        if is_loud and n % 50 == 0:
            loud.append(began + n / 50)  # when its first sample was, not when its block is over
        assert page.process.stdin
        page.process.stdin.write((tone * is_loud).tobytes())
        page.process.stdin.flush()
    seen = browser.ask("seen")
    delays = [min(at for at, level in seen if at > start and level > -40) - start for start in loud]
    record_testsuite_property("seconds from sound to screen", delays)
    assert sorted(delays)[1] < 1.0, delays
    page.stop()


def test_dark_and_narrow(served: Served, browser: Browser) -> None:
    browser.dark(True)
    browser.size(390, 844)
    browser.driver.get(served.address)
    wait_for(lambda: browser.texts("#events li"), "a detection")
    assert browser.ask("document.documentElement.scrollWidth") == 390
    picture = browser.picture()
    assert picture.mean() < 80, "a dark picture"
    assert len(rows_of(picture, browser.colour("threshold"))) >= 8
    browser.dark(False)
    wait_for(lambda: browser.picture().mean() > 180, "a light picture")
    browser.click("nav a[href='#clips']")
    wait_for(lambda: browser.texts("#clip-list li"), "a clip")
    assert browser.ask("document.documentElement.scrollWidth") == 390
    buttons = browser.ask(
        "[...document.querySelectorAll('button, select')].filter(b => b.checkVisibility())"
        ".map(b => b.getBoundingClientRect()).filter(r => r.right > 390 || r.height < 30).length"
    )
    assert buttons == 0, "every control is within the screen and large enough for a finger"
    assert browser.faults() == []


def test_a_clip_is_labelled_by_the_keyboard_alone(served: Served, browser: Browser) -> None:
    browser.driver.get(served.address)
    wait_for(lambda: list(served.clips.glob("*-stop.wav")), "a clip")
    browser.tab_to("Clips")
    browser.press(webdriver.Keys.ENTER)
    wait_for(lambda: "stop" in browser.text("#clip-list"), "the clip on the page")
    browser.tab_to("Play stop")
    browser.press(webdriver.Keys.ENTER)
    assert browser.text("#clip-list li:last-child .play") == "Stop"
    wait_for(lambda: browser.text("#clip-list li:last-child .play") == "Play", "the end of it")
    browser.tab_to("Label it other")
    browser.press(webdriver.Keys.SPACE)
    saved = wait_for(lambda: list(served.recordings.rglob("*.wav")), "the sample")
    assert [path.parent.name for path in saved] == ["_unknown_"]
    assert len(read_audio(saved[0], RATE)) == RATE
    wait_for(lambda: f"saved {saved[0]}" in browser.text("#clips-result"), "what was saved")
    assert browser.focused(), "the focus stays on a control"
    browser.tab_to("Delete this clip")
    left = len(browser.texts("#clip-list li"))
    browser.press(webdriver.Keys.ENTER)
    wait_for(lambda: browser.text("#clips-result") == "deleted", "the deletion")
    assert len(browser.texts("#clip-list li")) in (left - 1, left)  # another may have come
    assert browser.faults() == []


def test_thresholds_are_in_force_at_once(served: Served, browser: Browser) -> None:
    configured = served.state()["thresholds"]
    browser.driver.get(f"{served.address}#settings")
    wait_for(lambda: browser.texts("#thresholds label") == list(configured), "the form")
    field = browser.driver.find_element("css selector", "#thresholds input[name='stop']")
    assert float(field.get_attribute("value") or "") == configured["stop"]
    everything = webdriver.Keys.CONTROL + "a"  # clearing it would take the focus away
    field.send_keys(everything)
    field.send_keys("0.99", webdriver.Keys.ENTER)
    wait_for(lambda: browser.text("#detector-result") == "in force", "the change")
    assert served.state()["thresholds"] == configured | {"stop": 0.99}
    field = browser.driver.find_element("css selector", "#thresholds input[name='stop']")
    field.send_keys(everything)
    field.send_keys("1.5", webdriver.Keys.ENTER)
    time.sleep(1.5)  # the browser refuses it
    assert served.state()["thresholds"]["stop"] == 0.99
    browser.click("#preset option[value='quiet']")
    wait_for(lambda: served.state()["preset"] == "quiet", "the preset")
    browser.click("#reset")
    wait_for(lambda: served.state()["thresholds"] == configured, "the configuration's")
    assert "configuration reloaded" in served.text()
    assert browser.faults() == []


def test_mute_by_the_keyboard_is_seen_everywhere(served: Served, browser: Browser) -> None:
    browser.driver.get(f"{served.address}#settings")
    wait_for(lambda: browser.texts("#thresholds label"), "the form")
    assert browser.text("#muted") == ""
    browser.tab_to("Mute")
    browser.press(webdriver.Keys.SPACE)
    wait_for(lambda: browser.text("#muted") == "Muted: nothing is spotted", "the notice")
    assert served.state()["mute"]
    assert "Mute" in browser.focused(), "the focus stays"
    before = served.state()["detections"]
    browser.click("nav a[href='#watch']")
    wait_for(lambda: "muted" in browser.texts("#events li b"), "the event")
    time.sleep(5)
    assert browser.text("#muted")
    assert served.state()["detections"] == before
    browser.click("nav a[href='#settings']")
    browser.click("#mute")
    wait_for(lambda: browser.text("#muted") == "", "the end of it")
    wait_for(lambda: served.state()["detections"] != before, "a detection")
    assert browser.faults() == []


def test_unticked_keywords_are_not_spotted(served: Served, browser: Browser) -> None:
    browser.driver.get(f"{served.address}#settings")
    words = wait_for(lambda: browser.texts("#thresholds label"), "the form")
    for word in words:
        if word != "stop":
            browser.click(f"#thresholds input[value='{word}']")
    wait_for(lambda: served.state()["active"] == ["stop"], "the change")
    assert browser.text("#detector-result") == "in force"
    browser.click("#thresholds input[value='stop']")
    wait_for(lambda: "mute spots nothing" in browser.text("#detector-result"), "the refusal")
    assert browser.driver.find_element(
        "css selector", "#thresholds input[value='stop']"
    ).is_selected()
    browser.click("nav a[href='#watch']")
    wait_for(lambda: browser.texts("#events li"), "the events")
    picture = browser.driver.find_element("id", "scores")
    wait_for(lambda: picture.size["height"] < 150, "a picture of one lane")
    assert all("status of 422" in fault for fault in browser.faults()), "of the refused request"


def test_settings_are_written_into_the_file(
    tmp_path: Path, long_recording: Path, browser: Browser
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("# mine\nthreads: 1  # one\ndetector:\n  gate_dbfs: -90  # low\n")
    file.chmod(0o640)
    arguments = ("listen", "--input", long_recording, "--pace", "real", "--sinks")
    page = Served(tmp_path, *arguments, "--config", file)
    browser.driver.get(f"{page.address}#settings")
    wait_for(lambda: str(file) in browser.text("#settings-file"), "the name of the file")
    browser.click("#preset option[value='quiet']")
    wait_for(lambda: page.state()["preset"] == "quiet", "the preset")
    browser.click("#thresholds input[value='go']")
    wait_for(lambda: "go" not in page.state()["active"], "the change")
    browser.tab_to("Write to the configuration file")
    browser.press(webdriver.Keys.ENTER)
    wait_for(lambda: browser.text("#detector-result") == f"written to {file}", "the answer")
    lines = file.read_text().splitlines()
    assert lines[:5] == [
        "# mine",
        "threads: 1  # one",
        "detector:",
        "  gate_dbfs: -90  # low",
        "  preset: quiet",
    ]
    assert lines[5].startswith("keywords: [")
    assert "go" not in lines[5]
    assert file.stat().st_mode & 0o777 == 0o640
    before = page.state()
    browser.click("#reset")
    wait_for(lambda: browser.text("#detector-result") == "as configured again", "the reload")
    assert {key: page.state()[key] for key in ("preset", "active")} == {
        key: before[key] for key in ("preset", "active")
    }
    file.write_text("# another hand\n")
    browser.click("#thresholds input[value='up']")
    wait_for(lambda: browser.text("#detector-result") == "in force", "the change")
    browser.click("#write")
    wait_for(lambda: "was changed since it was read" in browser.text("#detector-result"), "why")
    assert file.read_text() == "# another hand\n"
    assert all("status of 422" in fault for fault in browser.faults()), "of the refused request"
    page.stop()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"thresholds": {"stop": 1.5}}, "thresholds.stop: 1.5 is not within 0 to 1"),
        ({"thresholds": {"stop": "x"}}, "thresholds: found dict {'stop': 'x'}, expected a mapping"),
        ({"thresholds": {"maybe": 0.5}}, "thresholds.maybe: no such keyword"),
        ({"preset": "loud"}, "preset: the model has no 'loud'"),
        (
            {"keywords": ["stop", "stopp"]},
            "keywords: the model has no keyword 'stopp', did you mean",
        ),
        ({"keywords": []}, "keywords: names none"),
    ],
)
def test_a_wrong_setting_changes_nothing(
    long_recording: Path, tmp_path: Path, change: dict[str, object], reason: str
) -> None:
    page = Served(tmp_path, "listen", "--input", long_recording, "--pace", "real", "--sinks")
    before = page.state()["thresholds"]
    request = urllib.request.Request(  # noqa: S310
        f"{page.address}api/settings",
        json.dumps(change).encode(),
        {"Content-Type": "application/json"},
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=30)  # noqa: S310
    assert refused.value.code == 422
    assert reason in json.load(refused.value)["error"]
    assert page.state()["thresholds"] == before
    page.stop()


def test_a_model_is_taught_and_taken_over(
    tmp_path: Path, long_recording: Path, browser: Browser
) -> None:
    body = (
        'print("train: runs\\n12:00:00 epoch 3/30: loss 0.1", flush=True)\nwait_for("go")\n'
        f"release({str(find_model('mfcc-int8'))!r})\n"
    )
    training = fake_training(tmp_path, body)
    source = ("listen", "--input", long_recording, "--pace", "real", "--sinks")
    arguments = (*source, "--page-training", training)
    page = Served(tmp_path, *arguments)
    browser.driver.get(f"{page.address}#teach")
    wait_for(lambda: "nothing to learn from yet" in browser.text("#teach-hint"), "the hint")
    assert not browser.driver.find_element("id", "teach-start").is_enabled()
    (page.recordings / "_unknown_").mkdir(parents=True)
    write_wav(page.recordings / "_unknown_" / "a-1.wav", np.zeros(RATE, np.float32), RATE)
    browser.driver.refresh()
    wait_for(lambda: browser.texts("#takes li") == ["other 1"], "the recordings")
    browser.tab_to("Teach")
    browser.tab_to("These words alone")
    browser.tab_to("Teach")
    browser.press(webdriver.Keys.ENTER)
    working = lambda: browser.text("#teach-state") == "train: epoch 3 of 30"  # noqa: E731
    wait_for(working, "the epoch")
    browser.driver.refresh()
    wait_for(working, "the same job after a reload of the page")
    assert browser.text("#steps .now") == "train"
    browser.size(390, 844)
    assert browser.ask("document.documentElement.scrollWidth") == 390
    page.stop()
    port = int(page.address.rstrip("/").rpartition(":")[2])
    page = Served(tmp_path, *arguments, port=port)
    wait_for(working, "the same job from another server")
    browser.faults()  # of the connection, while there was no server
    (tmp_path / "go").touch()
    wait_for(lambda: browser.text("#teach-state") == "own-1 is made", "the end")
    cells = "own takes, held back: spotted", "1 of 4", "4 of 4"
    assert tuple(browser.texts("#changes th, #changes td")) == cells
    browser.click("#switch")
    wait_for(lambda: browser.text("#switch-result") == "in force", "the change")
    assert page.state()["model"] == "mfcc-int8"
    assert "own-1.tflite" in browser.text("#switch-hint")
    browser.click("#switch-back")
    wait_for(lambda: page.state()["model"] == "default", "the model before")
    assert browser.faults() == []
    page.stop()


def test_a_job_is_cancelled_on_the_page(
    tmp_path: Path, long_recording: Path, browser: Browser
) -> None:
    training = fake_training(tmp_path, 'print("train: runs", flush=True)\nwait_for("never")\n')
    arguments = ("listen", "--input", long_recording, "--pace", "real", "--sinks")
    page = Served(tmp_path, *arguments, "--page-training", training)
    (page.recordings / "yes").mkdir(parents=True)
    write_wav(page.recordings / "yes" / "a-1.wav", np.zeros(RATE, np.float32), RATE)
    browser.driver.get(f"{page.address}#teach")
    wait_for(lambda: browser.texts("#takes li"), "the recordings")
    browser.click("#teach-start")
    wait_for(lambda: browser.text("#teach-cancel") == "Cancel", "the button")
    browser.click("#teach-cancel")
    wait_for(lambda: browser.text("#teach-state") == "cancelled", "the end")
    assert browser.text("#teach-start") == "Go on"
    assert browser.faults() == []
    page.stop()


def test_nobody_watches_a_page_that_was_left(served: Served, browser: Browser) -> None:
    browser.driver.get(served.address)
    wait_for(lambda: served.state()["watchers"] == 1, "the watcher")
    browser.driver.get("about:blank")
    wait_for(lambda: served.state()["watchers"] == 0, "the end of it")


def test_a_lost_connection_is_seen_and_mended(
    tmp_path: Path, long_recording: Path, browser: Browser
) -> None:
    arguments = ("listen", "--input", long_recording, "--pace", "real", "--sinks")
    first = Served(tmp_path, *arguments)
    browser.driver.get(first.address)
    wait_for(lambda: browser.text("#connection") == "connected", "the connection")
    first.stop()
    wait_for(lambda: browser.text("#connection") == "no connection to kws-edge", "its end")
    port = int(first.address.rstrip("/").rpartition(":")[2])
    second = Served(tmp_path, *arguments, port=port)
    wait_for(lambda: browser.text("#connection") == "connected", "another connection")
    wait_for(lambda: second.state()["watchers"] == 1, "the watcher")
    second.stop()


def test_the_token_is_asked_for_once(
    tmp_path: Path, long_recording: Path, browser: Browser
) -> None:
    token = tmp_path / "token"
    token.write_text("a-token-of-twenty-one")
    token.chmod(0o600)
    arguments = ("listen", "--input", long_recording, "--pace", "real", "--sinks")
    page = Served(tmp_path, *arguments, "--page-token-file", token)
    browser.driver.get(page.address)
    wait_for(lambda: browser.focused() == "Token", "the form")
    assert browser.text("#watch") == ""
    browser.press("wrong", webdriver.Keys.ENTER)
    wait_for(lambda: "not the token" in browser.text("#login-fault"), "the refusal")
    browser.driver.find_element("id", "token").clear()
    browser.click("#token")
    browser.press("a-token-of-twenty-one", webdriver.Keys.ENTER)
    wait_for(lambda: browser.text("#model") == "default", "the page")
    browser.driver.refresh()
    wait_for(lambda: browser.text("#model") == "default", "the page again")
    assert browser.text("#login") == ""
    page.stop()


@pytest.mark.xdist_group("sound")
def test_the_microphone_is_seen_as_it_is_lost_and_comes_back(
    tmp_path: Path, browser: Browser, microphone: VirtualMicrophone
) -> None:
    page = Served(tmp_path, "ui", environment=microphone.environment)
    browser.driver.get(page.address)
    wait_for(lambda: browser.text("#microphone") == "open", "the microphone")
    microphone.play(demo_recording())
    spotted = [text.split("\n")[1] for text in browser.texts("#events .detection")]
    assert len(WORDS.intersection(spotted)) >= 5
    assert list(page.clips.glob("*.wav"))
    microphone.stop()
    wait_for(lambda: browser.text("#microphone").startswith("lost: "), "its loss")
    assert browser.texts("#events .alarm")
    microphone.start()
    wait_for(lambda: browser.text("#microphone") == "open again", "its return")
    assert float(browser.text("#lost").removesuffix(" s")) > 0
    page.stop()


def test_ui_serves_the_demo(tmp_path: Path) -> None:
    page = Served(tmp_path, "ui", "--demo")
    state = page.state()
    assert state["model"] == "default"
    assert state["clips"]["recordings"] == str(page.recordings)
    page.stop()
