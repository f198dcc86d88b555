// Settings: mute, preset, thresholds and active keywords, in force at once; the file on request.

const byId = (id) => document.getElementById(id);

export class Settings {
  constructor(ask) {
    this.ask = ask;
    this.now = null; // the settings in force
    this.asking = 0;
    byId("mute").addEventListener("change", ({ target }) => this.send({ mute: target.checked }));
    byId("preset").addEventListener("change", ({ target }) => {
      if (target.value) this.send({ preset: target.value });
    });
    byId("thresholds").addEventListener("change", ({ target }) => {
      if (target.type === "checkbox") this.send({ keywords: this.checked() });
      else if (target.reportValidity()) this.send({ thresholds: { [target.name]: Number(target.value) } });
    });
    byId("detector").addEventListener("submit", (event) => event.preventDefault());
    byId("reset").addEventListener("click", () => this.send({ reset: true }));
    byId("write").addEventListener("click", () => this.write());
  }

  state({ keywords, presets, mute, preset, active, thresholds, settings }) {
    const rows = [...byId("thresholds").children].map((line) => line.dataset.word);
    if (rows.join("\n") !== keywords.join("\n")) {
      byId("thresholds").replaceChildren(...keywords.map(row));
      const names = Object.keys(presets).map((name) => new Option(name, name));
      byId("preset").replaceChildren(new Option("custom", ""), ...names);
    }
    byId("write").hidden = !settings.file;
    byId("settings-file").textContent = settings.file
      ? `The file is ${settings.file}. Its comments, order and rights stay.`
      : "No configuration file is in use: 'kws-edge config init' makes one.";
    this.show({ mute, preset, keywords: active, thresholds });
  }

  /** Settings as the event and the answer to a change have them. */
  show(now) {
    if (this.asking || !byId("thresholds").children.length) return;
    this.now = now;
    byId("muted").hidden = !now.mute;
    byId("mute").checked = now.mute;
    byId("preset").value = now.preset ?? "";
    for (const line of byId("thresholds").children) {
      const [active, threshold] = line.querySelectorAll("input");
      active.checked = now.keywords.includes(line.dataset.word);
      // what somebody is typing stays
      if (threshold !== document.activeElement || this.sent) {
        threshold.value = now.thresholds[line.dataset.word];
      }
    }
    this.sent = false;
  }

  checked() {
    return [...byId("thresholds").querySelectorAll("input:checked")].map(({ value }) => value);
  }

  async send(change) {
    let now = this.now;
    this.asking += 1;
    try {
      now = await this.ask("api/settings", { method: "POST", body: JSON.stringify(change) });
      result(change.reset ? "as configured again" : "in force");
    } catch (error) {
      result(error.message, true);
    }
    this.asking -= 1;
    this.sent = true;
    this.show(now);
  }

  async write() {
    try {
      const { path, notes } = await this.ask("api/settings/file", { method: "POST", body: "{}" });
      result([`written to ${path}`, ...notes].join("; "));
    } catch (error) {
      result(error.message, true);
    }
  }
}

function result(text, bad = false) {
  byId("detector-result").textContent = text;
  byId("detector-result").className = bad ? "bad" : "";
}

function row(word) {
  const line = document.createElement("div");
  line.dataset.word = word;
  const label = document.createElement("label");
  const active = document.createElement("input");
  Object.assign(active, { type: "checkbox", value: word });
  label.append(active, word);
  const threshold = document.createElement("input");
  Object.assign(threshold, { type: "number", name: word, min: 0.001, max: 1, step: "any", required: true });
  threshold.setAttribute("aria-label", `Threshold of ${word}`);
  line.append(label, threshold);
  return line;
}
