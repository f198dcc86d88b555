// Clips: play what was saved, label it for training, delete it.

const byId = (id) => document.getElementById(id);
const NAMES = { _unknown_: "other", _silence_: "noise" };
const LATER_MS = 1500; // a clip is saved half a second after its detection

export class Clips {
  constructor(ask) {
    this.ask = ask;
    this.folders = null;
    this.sound = new Audio();
    this.playing = null; // the button
    this.sound.addEventListener("ended", () => this.stopped());
    this.sound.addEventListener("error", () => {
      if (this.playing) this.result("this clip cannot be played", true);
      this.stopped();
    });
    const speaker = byId("speaker");
    speaker.value = localStorage.getItem("speaker") || "clips";
    speaker.addEventListener("change", () => localStorage.setItem("speaker", speaker.value));
    byId("refresh").addEventListener("click", () => this.refresh());
  }

  state(folders) {
    const first = this.folders === null;
    this.folders = folders;
    if (first && !byId("clips").hidden) this.refresh();
  }

  /** A clip will be there soon. */
  later() {
    if (byId("clips").hidden) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.refresh(), LATER_MS);
  }

  async refresh() {
    if (!this.folders) return;
    let clips;
    try {
      clips = await this.ask("api/clips");
    } catch (error) {
      this.result(error.message, true);
      return;
    }
    this.hint(clips.length);
    const list = byId("clip-list");
    const shown = new Map([...list.children].map((item) => [item.dataset.file, item]));
    const items = clips.map((clip) => shown.get(clip.file) ?? this.item(clip));
    const keep = new Set(items);
    for (const item of [...list.children]) if (!keep.has(item)) item.remove();
    // what has the focus or plays stays where it is in the document
    items.forEach((item, i) => {
      if (list.children[i] !== item) list.insertBefore(item, list.children[i] ?? null);
    });
  }

  hint(count) {
    const { saved, recordings } = this.folders;
    let text = "";
    if (!saved) text = "No clips are saved: start kws-edge with --clips-folder FOLDER.";
    else if (!count) text = "No clips yet. One is saved for each detection.";
    else if (!recordings) text = "To label clips, start kws-edge with --page-recordings FOLDER.";
    else text = `A labelled clip moves to ${recordings}, as a sample for training.`;
    byId("clips-hint").textContent = text;
  }

  item(clip) {
    const item = document.createElement("li");
    item.dataset.file = clip.file;
    const nearly = clip.type === "near_miss" ? "nearly " : "";
    const what = document.createElement("span");
    what.className = "what";
    const name = document.createElement("b");
    name.textContent = `${nearly}${clip.label}`;
    const when = document.createElement("small");
    const score = Number(clip.score).toFixed(2);
    when.textContent = `${new Date(clip.utc).toLocaleString([], { hour12: false })}, score ${score}`;
    what.append(name, when);
    const path = `api/clips/${encodeURIComponent(clip.file)}`;
    const play = button("Play", "play", `Play ${nearly}${clip.label} of ${when.textContent}`);
    play.addEventListener("click", () => this.play(play, path));
    item.append(play, what);
    if (this.folders.recordings) this.labels(item, clip, path);
    const remove = button("Delete", "delete", "Delete this clip");
    remove.addEventListener("click", () => this.leave(item, path, { method: "DELETE" }, () => "deleted"));
    item.append(remove);
    return item;
  }

  labels(item, clip, path) {
    const label = (value) => {
      const body = JSON.stringify({ label: value, speaker: byId("speaker").value.trim() });
      const say = ({ path: place, notes }) => `saved ${place}${notes.map((n) => `; note: ${n}`).join("")}`;
      this.leave(item, path, { method: "POST", body }, say);
    };
    const question = document.createElement("span");
    question.className = "ask";
    question.textContent = "Label:";
    item.append(question);
    const known = this.folders.labels.includes(clip.label); // or the name of a sequence
    const quick = [...(known ? [clip.label] : []), "_unknown_", "_silence_"];
    for (const value of quick) {
      const one = button(NAMES[value] ?? value, "", `Label it ${NAMES[value] ?? value}`);
      one.addEventListener("click", () => label(value));
      item.append(one);
    }
    const more = document.createElement("select");
    more.setAttribute("aria-label", "Another keyword");
    more.append(new Option("word…", ""));
    for (const value of this.folders.labels) {
      if (!quick.includes(value)) more.append(new Option(value, value));
    }
    const save = button("Save", "", "Label it with the keyword chosen");
    save.hidden = true; // choosing with the arrow keys alone must save nothing
    more.addEventListener("change", () => (save.hidden = !more.value));
    save.addEventListener("click", () => label(more.value));
    item.append(more, save);
  }

  async leave(item, path, options, say) {
    const next = item.nextElementSibling ?? item.previousElementSibling;
    try {
      const answer = await this.ask(path, options);
      this.result(say(answer));
    } catch (error) {
      this.result(error.message, true);
      return;
    }
    if (item.contains(this.playing)) this.stopped();
    item.remove();
    (next?.querySelector("button") ?? byId("refresh")).focus();
    this.hint(byId("clip-list").children.length);
  }

  play(button, path) {
    const again = this.playing === button;
    this.stopped();
    if (again) return;
    this.playing = button;
    button.textContent = "Stop";
    this.sound.src = path;
    this.sound.play().catch(() => {});
  }

  stopped() {
    const button = this.playing;
    this.playing = null;
    this.sound.pause();
    if (button) button.textContent = "Play";
  }

  result(text, bad = false) {
    byId("clips-result").textContent = text;
    byId("clips-result").className = bad ? "bad" : "";
  }
}

function button(text, kind, label) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.className = kind;
  made.setAttribute("aria-label", label);
  return made;
}
