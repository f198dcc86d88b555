"""Recording on the page in a real Chromium, from a virtual microphone, by the keyboard alone."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from record_world import RATE, Sounds, manifest, sounds_in
from sink_parts import wait_for
from test_page_in_browser import Browser, Served
from virtual_microphone import VirtualMicrophone, virtual_microphone

from kws_edge.audio.files import read_audio

webdriver = pytest.importorskip("selenium.webdriver")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (shutil.which("chromium") and shutil.which("chromedriver")),
        reason="needs chromium and chromium-driver",
    ),
    pytest.mark.xdist_group("sound"),
]
microphone = pytest.fixture(scope="module")(virtual_microphone)
sounds = pytest.fixture(sounds_in)


@pytest.fixture
def browser() -> Iterator[Browser]:
    browser = Browser()
    yield browser
    browser.driver.quit()


@pytest.fixture
def page(tmp_path: Path, microphone: VirtualMicrophone) -> Iterator[Served]:
    served = Served(tmp_path, "ui", environment=microphone.environment)
    yield served
    served.stop()


def start(browser: Browser, page: Served, count: int) -> None:
    """Ask for ``count`` samples of "yes" with the Tab key, the space bar and letters."""
    browser.driver.get(page.address)
    wait_for(lambda: browser.text("#microphone") == "open", "the microphone")
    browser.tab_to("Record")
    browser.press(webdriver.Keys.ENTER)
    wait_for(lambda: browser.texts("#record-labels label"), "the words")
    browser.tab_to("yes")
    browser.press(webdriver.Keys.SPACE)
    browser.tab_to("Speaker")
    browser.press("ann")
    browser.tab_to("Samples of each")
    browser.press(str(count))  # what a field holds is selected when the Tab key comes to it
    browser.tab_to("Start")
    browser.press(webdriver.Keys.ENTER)


def say(browser: Browser, microphone: VirtualMicrophone, sound: Path, prompt: str) -> None:
    """Play a sound at "NOW"; again where it came too late on a busy machine."""
    for _ in range(5):
        wait_for(lambda: browser.text("#take-state").startswith("NOW"), "the time to speak")
        assert browser.text("#take-prompt") == prompt
        microphone.play(sound)
        state = wait_for(lambda: judged(browser), "the judgement")
        if not any(late in state for late in ("silent", "cut off", "dropped")):
            return
        browser.press("r")


def judged(browser: Browser) -> str:
    state = browser.text("#take-state")
    return browser.text("#take-result") if state in ("good", "refused") else ""


def test_a_quiet_take_is_refused_and_a_good_one_kept_by_the_keyboard_alone(
    page: Served, browser: Browser, microphone: VirtualMicrophone, sounds: Sounds
) -> None:
    start(browser, page, 1)
    say(browser, microphone, sounds.quiet, "say 'yes' (1 of 1)")
    assert browser.text("#take-result").startswith("too quiet: the word is at -")
    wait_for(lambda: browser.focused().startswith("Again"), "the focus")
    assert not browser.driver.find_element("id", "take-keep").is_enabled()
    browser.press("p")
    requests = "performance.getEntriesByType('resource').map(one => one.name).join()"
    wait_for(lambda: "/api/record/take?" in browser.ask(requests), "the playback")

    browser.driver.refresh()  # the session stays
    wait_for(lambda: browser.text("#take-state") == "refused", "the session")
    wait_for(lambda: browser.focused().startswith("Again"), "the focus")
    browser.press(webdriver.Keys.ENTER)
    wait_for(lambda: browser.text("#take-state").startswith("NOW"), "the time to speak")
    browser.ask(
        "(window.widths = [], new MutationObserver(() => widths.push(parseFloat("
        "document.getElementById('take-bar').style.width))).observe("
        "document.getElementById('take-bar'), {attributes: true}))"
    )
    say(browser, microphone, sounds.word, "say 'yes' (1 of 1)")
    assert max(browser.ask("widths")) > 40, "the level rose"
    assert browser.text("#take-result").startswith("word 0.5")
    assert not list(page.recordings.rglob("*.wav"))
    wait_for(lambda: browser.focused() == "Keep", "the focus")
    browser.press(webdriver.Keys.ENTER)
    wait_for(lambda: browser.text("#record-result") == "done: yes 1 of 1", "the end")
    (path,) = page.recordings.rglob("*.wav")
    assert path.parent.name == "yes"
    assert path.name.startswith("ann-")
    assert len(read_audio(path, RATE)) == RATE
    (entry,) = manifest(page.recordings)
    assert entry["path"] == f"yes/{path.name}"
    assert browser.focused() == "Start"
    # the engine went on: it spotted the word that was recorded
    assert page.state()["detections"]["yes"] >= 1
    assert browser.faults() == []


def test_skip_and_quit_by_keys_and_a_wrong_word_is_answered(page: Served, browser: Browser) -> None:
    start(browser, page, 2)
    wait_for(lambda: browser.text("#take-prompt") == "say 'yes' (1 of 2)", "the prompt")
    first = page.state()["record"]["session"]["take"]
    browser.press("s")
    wait_for(lambda: page.state()["record"]["session"]["take"] > first, "the next prompt")
    browser.press("q")
    wait_for(lambda: browser.text("#record-result") == "ended: yes 0 of 2", "the end")
    browser.driver.find_element("id", "record-own").send_keys("../x", webdriver.Keys.ENTER)
    wait_for(lambda: "'../x' cannot be a name here" in browser.text("#record-result"), "the reason")
    assert browser.text("#take") == ""
    assert [message for message in browser.faults() if "422" not in message] == []


@pytest.mark.parametrize("dark", [False, True])
def test_it_fits_a_phone(page: Served, browser: Browser, dark: bool) -> None:
    browser.dark(dark)
    browser.size(390, 844)
    browser.driver.get(f"{page.address}#record")
    wait_for(lambda: browser.texts("#record-labels label"), "the words")
    assert browser.ask("document.documentElement.scrollWidth") == 390
    browser.click("#record-labels label")
    browser.driver.find_element("id", "record-speaker").send_keys("ann", webdriver.Keys.ENTER)
    wait_for(lambda: browser.text("#take-state") == "refused", "a take of nothing")
    assert browser.text("#take-result").startswith("silent: ")
    assert browser.ask("document.documentElement.scrollWidth") == 390
    small = (
        "[...document.querySelectorAll('#record button, #record input:not([type=checkbox])')]"
        ".filter(b => b.checkVisibility()).map(b => b.getBoundingClientRect())"
        ".filter(r => r.right > 390 || r.height < 30).length"
    )
    assert browser.ask(small) == 0, "every control is within the screen and fit for a finger"
    paper = browser.ask("getComputedStyle(document.querySelector('section')).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") != dark
