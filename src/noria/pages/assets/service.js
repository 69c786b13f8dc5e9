const noria = (() => {
  const at = (id) => document.getElementById(id);
  const make = (tag, classes, ...inside) => {
    const made = document.createElement(tag);
    if (classes) made.className = classes;
    made.append(...inside);
    return made;
  };
  const isolated = (text) => make("bdi", "", String(text));
  const name = (text) => make("bdi", "", ...String(text).split(/(?<=_)/).flatMap((part) => [part, make("wbr")]));

  // --- the service -------------------------------------------------------------------------------------------

  const stored = { get: () => { try { return sessionStorage.getItem("noria-key"); } catch { return null; } } };
  stored.set = (key) => { try { sessionStorage.setItem("noria-key", key); } catch { /* then it is asked for again */ } };
  stored.forget = () => { try { sessionStorage.removeItem("noria-key"); } catch { /* nothing was kept */ } };
  const headers = (more = {}) => (stored.get() ? { authorization: `Bearer ${stored.get()}`, ...more } : more);

  class Refused extends Error {
    constructor(told, status) {
      const got = told.got ? `It got: ${told.got}.` : "";
      super([told.what || `The service answered with status ${status}.`, got, told.do].filter(Boolean).join(" "));
      this.told = told;
      this.status = status;
    }
  }
  const refusal = (text, status) => {
    let told = {};
    try { told = JSON.parse(text) || {}; } catch { /* not written by the service itself */ }
    return new Refused(told, status);
  };
  const call = async (path, options = {}) => {
    let answer;
    try {
      answer = await fetch(path, { ...options, headers: headers(options.headers) });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Refused({ what: "The service cannot be reached.", do: "Check that it runs, and try again." }, 0);
    }
    if (!answer.ok) throw refusal(await answer.text(), answer.status);
    return answer;
  };
  const post = async (path, sent) => (await call(path, {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(sent),
  })).json();

  const written = (value, how) => new Intl.NumberFormat(undefined, { signDisplay: "negative", ...how }).format(value).replace("-", "\u2212");
  const number = (value, digits = 5) => written(value, { maximumSignificantDigits: digits });
  const percent = (value) => written(value, { style: "percent", maximumFractionDigits: 1 });
  const points = (value) => written(100 * value, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
  const size = (bytes) => {
    const step = Math.min(3, Math.max(0, Math.floor(Math.log10(bytes) / 3)));
    return `${number(bytes / 1000 ** step, 3)} ${["B", "kB", "MB", "GB"][step]}`;
  };
  const short = (text) => (String(text).length > 40 ? `${String(text).slice(0, 39)}…` : text);
  const signed = (value, show) => {
    const shown = show(Math.abs(value));
    return shown === show(0) ? shown : `${value < 0 ? "\u2212" : "+"}${shown}`;
  };

  // --- the key -----------------------------------------------------------------------------------------------

  const unlock = async () => {
    const page = new DOMParser().parseFromString(await (await call(location.href)).text(), "text/html");
    document.title = page.title;
    document.querySelector("main").replaceWith(document.importNode(page.querySelector("main"), true));
    start();
  };
  const askForKey = (form) => {
    const told = (text) => {
      at("key-error").textContent = text;
      at("key").setAttribute("aria-invalid", String(Boolean(text)));
    };
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (!at("key").value.trim()) { told("Give the key."); return; }
      stored.set(at("key").value.trim());
      try {
        await unlock();
        document.querySelector("main form")?.querySelector("input, select, textarea")?.focus();
      } catch (error) {
        stored.forget();
        told({ 401: "This key is not known, or not valid any more.", 403: "This key is not for this page." }[error.status] || error.message);
        at("key").focus();
      }
    });
    if (stored.get()) unlock().catch(() => { stored.forget(); at("key").focus(); });
    else at("key").focus();
  };

  // --- the form ----------------------------------------------------------------------------------------------

  const read = {
    number: (box) => (box.value === "" ? null : Number(box.value)),
    switch: (box) => box.checked,
    moment: (box) => (box.value.length === "2020-01-01T00:00".length ? `${box.value}:00` : box.value || null),
    choice: (box) => ({ yes: true, no: false })[box.value] ?? null,
  };
  const asText = (box) => (box.value === "" ? null : box.value);
  const write = (field, value) => {
    const box = at(field.id);
    if (field.control === "switch") box.checked = Boolean(value);
    else if (field.control === "choice") box.value = value === true ? "yes" : value === false ? "no" : "";
    else box.value = value ?? "";
    check(field, false);
  };
  const valueOf = (field) => (read[field.control] || asText)(at(field.id));
  const fault = (field, text) => {
    at(`${field.id}-error`).textContent = text;
    at(field.id).setAttribute("aria-invalid", String(Boolean(text)));
  };
  const far = (field, value) => {
    if (field.control === "number" && value !== null && field.low !== null) return value < field.low || value > field.high;
    return field.control === "list" && value !== null && field.options.length > 0 && field.options.length < 1000
      && !field.options.includes(value);
  };
  const check = (field, strict) => {
    const box = at(field.id), value = valueOf(field);
    const wrong = box.validity.badInput
      ? `Write ${field.control === "number" ? "a number such as 12.5" : "a whole date"}.`
      : strict && value === null && field.required && field.control !== "switch" ? "Give a value." : "";
    if (wrong || strict || at(`${field.id}-error`).textContent) fault(field, wrong);
    const outside = !wrong && far(field, value);
    at(`${field.id}-hint`).classList.toggle("far", outside);
    at(`${field.id}-hint`).textContent = !outside ? field.hint
      : field.control === "number" ? `unusual: ${field.hint}` : "not seen in training";
    return !wrong;
  };
  const row = (fields) => Object.fromEntries(fields.map((field) => [field.name, valueOf(field)]));
  const show = (field) => {
    const folded = at(field.id).closest("details");
    if (folded) folded.open = true;
    at(field.id).focus();
  };

  const random = (field) => {
    if (field.control === "switch") return Math.random() < 0.5;
    if (Math.random() < field.empty) return null;
    if (field.control === "choice") return Math.random() < 0.5;
    if (field.control === "number" && field.low !== null) {
      const middle = field.value === null ? (field.low + field.high) / 2 : Number(field.value);
      const end = Math.random() < 0.5 ? field.low : field.high;
      const found = middle + (end - middle) * Math.random() ** 2;
      const places = Math.max(0, -Math.floor(Math.log10(field.step) + 1e-9));
      return (Math.round(found / field.step) * field.step).toFixed(Math.min(places, 12));
    }
    if (field.options.length) return field.options[Math.floor(Math.random() ** 2 * field.options.length)];
    return field.value;
  };

  // --- the answer --------------------------------------------------------------------------------------------

  const bars = (lines, caption) => {
    const table = make("table", "bars");
    if (caption) table.append(make("caption", "soft", caption));
    for (const { label, value, from, to, down, chosen } of lines) {
      const fill = make("i", down ? "down" : "");
      fill.style.left = `${Math.min(from, to) * 100}%`;
      fill.style.width = `${Math.abs(to - from) * 100}%`;
      const head = make("th", "", ...label);
      head.scope = "row";
      const box = make("div", "bar-box", fill);
      box.setAttribute("aria-hidden", "true");
      table.append(make("tr", chosen ? "chosen" : "", head, make("td", "", box), make("td", "number", value)));
    }
    return table;
  };
  const PREFIX = "probability_";
  const probabilities = (found) => Object.keys(found).filter((key) => key.startsWith(PREFIX))
    .map((key) => [key.slice(PREFIX.length), found[key]]);
  const interval = (found) => {
    const width = found.high - found.low;
    const share = width > 0 ? Math.min(Math.max((found.prediction - found.low) / width, 0), 1) : 0.5;
    const point = make("i");
    point.style.left = `${share * 100}%`;
    const range = make("div", "range", point);
    range.setAttribute("aria-hidden", "true");
    return [range, make("div", "ends", make("span", "", number(found.low)), make("span", "", number(found.high)))];
  };
  const tested = (text) => make("p", "soft", `When it was tested, ${text}`);
  const showAnswer = (model, found) => {
    const parts = [make("p", "what", isolated(model.target))];
    const shown = typeof found.prediction === "number" ? number(found.prediction) : String(found.prediction);
    parts.push(make("p", "big", isolated(shown)));
    const classes = probabilities(found).sort((a, b) => b[1] - a[1]);
    if (classes.length) {
      parts.push(bars(classes.slice(0, 12).map(([name, value]) => ({
        label: [isolated(name)], value: percent(value), from: 0, to: value, chosen: name === String(found.prediction),
      })), ""));
      if (classes.length > 12) parts.push(make("p", "soft", `and ${classes.length - 12} less probable ones`));
    }
    if (Array.isArray(found.prediction_set)) {
      const others = found.prediction_set.filter((name) => name !== found.prediction);
      const names = others.flatMap((name, at) => (at ? [", ", isolated(name)] : [isolated(name)]));
      parts.push(make("p", "", ...(others.length ? ["Also possible: ", ...names] : ["No other value is likely."])));
      if (model.coverage) parts.push(tested(`the true value was among the likely ones ${percent(model.coverage)} of the time.`));
    }
    if (typeof found.low === "number" && typeof found.high === "number") {
      parts.push(make("p", "", `Probably between ${number(found.low)} and ${number(found.high)}`), ...interval(found));
      if (model.coverage) parts.push(tested(`${percent(model.coverage)} of the true values lay within such a range.`));
    }
    at("result").replaceChildren(...parts);
  };
  const showExplanation = (model, told) => {
    const most = Math.abs(told.features[0]?.added ?? 0) || 1e-300;
    const kept = told.features.slice(0, 10).filter(({ added }) => Math.abs(added) > most / 100);
    const share = told.unit === "probability";
    const format = share ? percent : (value) => number(value, 3);
    const step = share ? points : format;
    const subject = told.outcome === null ? [isolated(told.unit)] : [`the ${told.unit} of `, isolated(told.outcome)];
    const lines = kept.map(({ feature, value, added }) => ({
      label: [name(feature), ...(value === null ? [] : [make("span", "soft", " ", isolated(value.replace(/^-(?=\d)/, "\u2212")))])],
      value: signed(added, step), from: 0.5, to: 0.5 + added / most / 2, down: added < 0,
    }));
    const title = make("h3", "", "Why");
    title.id = "why";
    const text = make("p", "soft", "How much each value raised or lowered ", ...subject,
      `${share ? ", in percentage points" : ""}, starting from ${format(told.base)} where nothing is known.`);
    if (model.made_by) text.append(" Some of these columns are computed from the values of the form, by ", isolated(model.made_by), ".");
    const parts = [title, text, kept.length ? bars(lines, "") : make("p", "", "No value made a difference.")];
    const others = told.features.slice(kept.length);
    const rest = others.reduce((sum, { added }) => sum + added, 0);
    if (others.length) parts.push(make("p", "soft", `${others.length} other${others.length > 1 ? "s" : ""}: ${signed(rest, step)} in all`));
    const errors = told.features.map(({ error }) => error ?? 0);
    if (told.method !== "exact") parts.push(make("p", "soft", `These are estimates: each may be off by up to ${step(2 * Math.max(0, ...errors))}${share ? " points" : ""}.`));
    at("explanation").replaceChildren(...parts);
  };

  // --- a file ------------------------------------------------------------------------------------------------

  const sending = (path, file, onProgress) => {
    const request = new XMLHttpRequest();
    const done = new Promise((resolve, reject) => {
      request.open("POST", path);
      for (const [name, value] of Object.entries(headers({ "content-type": "application/octet-stream" }))) {
        request.setRequestHeader(name, value);
      }
      request.upload.addEventListener("progress", (event) => onProgress(event.loaded / Math.max(event.total, 1)));
      request.addEventListener("load", () => {
        if (request.status < 300) resolve(JSON.parse(request.responseText));
        else reject(refusal(request.responseText, request.status));
      });
      request.addEventListener("error", () => reject(new Refused({ what: "The file could not be sent." }, 0)));
      request.addEventListener("abort", () => reject(new DOMException("", "AbortError")));
      request.send(file);
    });
    return { done, stop: () => request.abort() };
  };

  const wholeFiles = (model) => {
    const path = `/v1/models/${encodeURIComponent(model.name)}/files`;
    let job = null, stop = null, cancelled = false, dropped = null;
    const told = (text) => { at("file-error").textContent = text; };
    const progress = (share, text) => {
      if (share === null) at("progress").removeAttribute("value"); else at("progress").value = share;
      at("progress-text").textContent = text;
    };
    const forget = async () => {
      const old = job;
      job = null;
      at("scored").hidden = true;
      if (old) await call(`${path}/${old.id}`, { method: "DELETE", keepalive: true }).catch(() => {});
    };
    const asked = async () => {  // a service that is away for a moment has the file still
      for (let left = 20; ; left -= 1) {
        try {
          return await (await call(`${path}/${job.id}`)).json();
        } catch (error) {
          if (!left || cancelled || (error.status > 0 && error.status < 500)) throw error;
          await new Promise((resolve) => { setTimeout(resolve, 500); });
        }
      }
    };
    const follow = async () => {
      while (job.state === "running" && !cancelled) {
        const share = job.rows && job.total ? Math.min(job.rows / job.total, 1) : null;
        progress(share, job.rows ? `${number(job.rows, 12)} of about ${number(job.total, 12)} rows` : "Reading the file");
        await new Promise((resolve) => { setTimeout(resolve, 250); });
        if (!cancelled) job = await asked();
      }
    };
    const score = async (file) => {
      at("scoring").hidden = false;
      at("score-file").disabled = true;
      progress(0, "Sending the file");
      const query = new URLSearchParams({ file: file.name, to: at("to").value });
      try {
        const sent = sending(`${path}?${query}`, file, (share) => progress(share, `Sending the file: ${percent(share)}`));
        stop = sent.stop;
        job = await sent.done;
        stop = null;
        await follow();
        if (cancelled) { await forget(); return; }
        if (job.state === "failed") throw new Refused(job.error, 422);
        at("scored-text").textContent = `${number(job.rows, 12)} row${job.rows === 1 ? "" : "s"} with predictions, ${size(job.bytes)}`;
        at("scored-notes").textContent = job.notes.join(" ");
        at("download").href = `${path}/${job.id}/result`;
        at("download").download = job.name;
        at("scored").hidden = false;
        at("download").focus();
      } catch (error) {
        if (error.name !== "AbortError") told(error.message);
        await forget();
      } finally {
        at("scoring").hidden = true;
        at("score-file").disabled = false;
      }
    };
    at("file-form").addEventListener("submit", async (event) => {
      event.preventDefault();
      const file = at("file").files[0] || dropped;
      told("");
      if (!file) { told("Choose a file first."); at("file").focus(); return; }
      if (file.size > model.limit) { told(`The file is larger than ${size(model.limit)}.`); return; }
      cancelled = false;
      await forget();
      await score(file);
    });
    at("file").addEventListener("change", () => {
      const ending = at("file").files[0]?.name.split(".").pop().toLowerCase();
      const same = { csv: "csv", tsv: "csv", parquet: "parquet", jsonl: "jsonl", ndjson: "jsonl" }[ending];
      if (same) at("to").value = same;
      told("");
    });
    at("cancel").addEventListener("click", () => { cancelled = true; stop?.(); at("score-file").focus(); });
    at("remove").addEventListener("click", () => { forget(); at("score-file").focus(); });
    at("download").addEventListener("click", async (event) => {
      if (!stored.get()) return;
      event.preventDefault();  // a link cannot send the key
      save(await (await call(at("download").href)).blob(), job.name);
    });
    addEventListener("pagehide", () => { forget(); });
    const box = at("drop");
    for (const kind of ["dragenter", "dragover"]) {
      box.addEventListener(kind, (event) => { event.preventDefault(); box.classList.add("over"); });
    }
    for (const kind of ["dragleave", "drop"]) {
      box.addEventListener(kind, (event) => { event.preventDefault(); box.classList.remove("over"); });
    }
    box.addEventListener("drop", (event) => {
      dropped = event.dataTransfer.files[0] || null;
      if (!dropped) return;
      at("file").files = event.dataTransfer.files;
      at("file").dispatchEvent(new Event("change"));
    });
  };
  const save = (blob, name) => {
    const link = make("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  };

  // --- programs ----------------------------------------------------------------------------------------------

  const python = (value) => {
    if (value === null) return "None";
    if (typeof value === "boolean") return value ? "True" : "False";
    return JSON.stringify(value);
  };
  const lines = (sent, show, indent) => Object.entries(sent)
    .map(([name, value]) => `${indent}${JSON.stringify(name)}: ${show(value)},\n`).join("");
  const programs = {
    curl: ({ url, name, sent, key }) => {
      const body = JSON.stringify({ rows: [sent] }).replaceAll("'", "'\\''");
      const more = key ? " \\\n  -H \"authorization: Bearer $NORIA_KEY\"" : "";
      return `curl ${url}/v1/models/${encodeURIComponent(name)}/predict \\\n  -H 'content-type: application/json'${more} \\\n  -d '${body}'`;
    },
    python: ({ url, name, sent, key }) => {
      const first = key ? "import os\n\nimport noria\n\n" : "import noria\n\n";
      const with_ = key ? `${JSON.stringify(url)}, key=os.environ["NORIA_KEY"]` : JSON.stringify(url);
      return `${first}client = noria.Client(${with_})\nrow = {\n${lines(sent, python, "    ")}}\nprint(client.predict(row, ${JSON.stringify(name)}))`;
    },
    javascript: ({ url, name, sent, key }) => {
      const more = key ? "\n    authorization: `Bearer ${key}`," : "";
      return `const row = {\n${lines(sent, JSON.stringify, "  ")}};\nconst answer = await fetch(${JSON.stringify(`${url}/v1/models/${encodeURIComponent(name)}/predict`)}, {\n  method: "POST",\n  headers: {\n    "content-type": "application/json",${more}\n  },\n  body: JSON.stringify({ rows: [row] }),\n});\nconsole.log((await answer.json()).predictions[0]);`;
    },
  };
  const snippets = (model, fields) => {
    const tabs = [...document.querySelectorAll("[role=tab]")];
    let chosen = "curl";
    const draw = () => {
      const about = { url: location.origin, name: model.name, sent: row(fields), key: Boolean(stored.get()) };
      at("snippet").textContent = programs[chosen](about);
    };
    const choose = (tab) => {
      chosen = tab.id.slice("tab-".length);
      for (const one of tabs) {
        one.setAttribute("aria-selected", String(one === tab));
        one.tabIndex = one === tab ? 0 : -1;
      }
      at("code").setAttribute("aria-labelledby", tab.id);
      draw();
    };
    tabs.forEach((tab, place) => {
      tab.addEventListener("click", () => choose(tab));
      tab.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!step) return;
        const next = tabs[(place + step + tabs.length) % tabs.length];
        next.focus();
        choose(next);
      });
    });
    at("copy").addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(at("snippet").textContent);
        at("copy").textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(at("snippet"));
        at("copy").textContent = "Selected";
      }
      setTimeout(() => { at("copy").textContent = "Copy"; }, 2000);
    });
    draw();
    return draw;
  };

  // --- the page ----------------------------------------------------------------------------------------------

  const pathOf = (model) => `/v1/models/${encodeURIComponent(model.name)}`;
  const formPage = (model, redraw) => {
    const path = pathOf(model), { fields } = model;
    let asked = 0;
    const changed = () => {
      asked += 1;
      redraw();
      for (const id of ["result", "explanation"]) at(id).classList.toggle("old", Boolean(at("result").querySelector(".big")));
    };
    const waiting = at("waiting");
    const general = (text) => { at("form-error").textContent = text; };
    const refused = (told, text) => {
      const named = fields.filter((field) => (told.what || "").includes(field.quoted))
        .sort((a, b) => b.quoted.length - a.quoted.length)[0];
      if (!named) { general(text); return; }
      fault(named, text);
      show(named);
    };
    const answer = async (sent) => {  // one request, for each is logged; not every model, or key, can tell why
      try {
        return await post(`${path}/explain`, { rows: [sent] });
      } catch (error) {
        if (error.told?.predictions || [0, 401, 503].includes(error.status)) throw error;
        return post(`${path}/predict`, { rows: [sent] });
      }
    };
    const predict = async () => {
      const mine = asked += 1, sent = row(fields);
      at("predict").disabled = true;
      at("form").setAttribute("aria-busy", "true");
      try {
        const told = await answer(sent), found = told.predictions[0];
        if (mine !== asked) return;
        if (found.error) { refused(found.error, [found.error.what, found.error.do].filter(Boolean).join(" ")); return; }
        for (const id of ["result", "explanation"]) at(id).classList.remove("old");
        showAnswer(model, found);
        at("explanation").hidden = !told.explanations;
        if (told.explanations) showExplanation(model, told.explanations[0]);
        if (matchMedia("(max-width: 59.99rem)").matches) at("answer").scrollIntoView();
      } catch (error) {
        if (error.status === 401) stored.forget();
        refused(error.told || {}, error.message);
      } finally {
        at("predict").disabled = false;
        at("form").removeAttribute("aria-busy");
      }
    };
    at("form").addEventListener("submit", (event) => {
      event.preventDefault();
      general("");
      const wrong = fields.filter((field) => !check(field, true));
      if (wrong.length) show(wrong[0]); else predict();
    });
    for (const field of fields) {
      at(field.id).addEventListener("input", () => { check(field, false); changed(); });
    }
    const fill = (value) => () => {
      for (const field of fields) { fault(field, ""); write(field, value(field)); }
      general("");
      changed();
    };
    at("example").addEventListener("click", fill((field) => field.value));
    at("random").addEventListener("click", fill(random));
    at("clear").addEventListener("click", () => {
      at("result").replaceChildren(waiting);
      at("explanation").hidden = true;
      fill(() => null)();
    });
  };
  const modelPage = () => {
    const model = JSON.parse(at("model").textContent), page = at("ask-form") ? noria.askPage : formPage;
    page(model, snippets(model, model.fields));
    at("report")?.addEventListener("click", async (event) => {
      if (!stored.get()) return;
      event.preventDefault();
      save(await (await call(at("report").href)).blob(), `${model.name}-report.html`);
    });
    wholeFiles(model);
  };
  const start = () => {
    if (at("key-form")) askForKey(at("key-form"));
    else if (at("model")) modelPage();
  };
  addEventListener("DOMContentLoaded", start);
  return { at, call, fault, headers, isolated, make, number, pathOf, percent, post, stored };
})();
