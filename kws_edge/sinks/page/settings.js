// Settings: preset and thresholds, in force at once.

const byId = (id) => document.getElementById(id);

export class Settings {
  constructor(ask) {
    this.ask = ask;
    this.shown = ""; // what the form was filled with
    byId("preset").addEventListener("change", () => {
      const chosen = this.presets[byId("preset").value];
      if (chosen) this.fill(chosen);
    });
    byId("detector").addEventListener("submit", (event) => {
      event.preventDefault();
      const inputs = [...byId("thresholds").querySelectorAll("input")];
      const thresholds = Object.fromEntries(inputs.map(({ name, value }) => [name, Number(value)]));
      const preset = byId("preset").value;
      if (!preset) this.send({ thresholds });
      else if (same(thresholds, this.presets[preset])) this.send({ preset });
      else this.send({ preset, thresholds });
    });
    byId("reset").addEventListener("click", () => this.send({ reset: true }));
  }

  /** Fill the form when the settings in force are others. */
  state({ presets, preset, thresholds }) {
    const now = JSON.stringify([presets, preset, thresholds]);
    if (now === this.shown) return;
    this.shown = now;
    this.presets = presets;
    const names = Object.keys(presets).map((name) => new Option(name, name));
    byId("preset").replaceChildren(new Option("as it is", ""), ...names);
    byId("preset").value = preset ?? "";
    byId("thresholds").replaceChildren(...Object.keys(thresholds).map(row));
    this.fill(thresholds);
  }

  fill(thresholds) {
    for (const input of byId("thresholds").querySelectorAll("input")) {
      input.value = thresholds[input.name];
    }
  }

  async send(change) {
    const result = byId("detector-result");
    try {
      await this.ask("/api/detector", { method: "POST", body: JSON.stringify(change) });
      result.textContent = change.reset ? "as configured again" : "in force";
      result.className = "";
    } catch (error) {
      result.textContent = error.message;
      result.className = "bad";
    }
  }
}

function same(some, others) {
  return Object.keys(some).every((word) => some[word] === others[word]);
}

function row(word) {
  const label = document.createElement("label");
  const input = document.createElement("input");
  Object.assign(input, { type: "number", name: word, min: 0.001, max: 1, step: "any", required: true });
  label.append(word, input);
  return label;
}
