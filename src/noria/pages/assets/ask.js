noria.askPage = (model, redraw) => {
  const { at, call, fault, isolated, make, pathOf, percent, post, stored } = noria;
  const path = pathOf(model), [field] = model.fields, box = at(field.id), dialog = at("source");
  const turns = [];

  // --- sources -----------------------------------------------------------------------------------------------

  const tags = { heading: "h3", code: "pre" };
  const drawn = ({ kind, page, parts }, before) => {
    const [first, cited, last] = parts;
    const block = make(tags[kind] || "p", "", first, ...(cited ? [make("mark", "", cited)] : []), last);
    block.dir = "auto";
    return page !== before && page ? [make("p", "soft page", `Page ${page}`), block] : [block];
  };
  const open = async ({ document: name, begin, end }) => {
    const query = new URLSearchParams({ document: name, begin, end });
    const { title, blocks } = await (await call(`${path}/documents?${query}`)).json();
    at("source-title").replaceChildren(isolated(title), make("span", "soft", " ", isolated(name)));
    at("source-text").replaceChildren(...blocks.flatMap((block, place) => drawn(block, blocks[place - 1]?.page)));
    dialog.showModal();
    at("source-title").focus();
    at("source-text").querySelector("mark")?.scrollIntoView({ block: "center" });
  };
  at("source-close").addEventListener("click", () => dialog.close());

  // --- an answer ---------------------------------------------------------------------------------------------

  const failed = (panel, error) => panel.append(make("p", "error", error.message));
  const opening = (panel, cited, classes, ...inside) => {
    const button = make("button", classes, ...inside);
    button.type = "button";
    button.addEventListener("click", () => open(cited).catch((error) => failed(panel, error)));
    return button;
  };
  const said = (panel, text, citations) => text.split(/(\[\d+\])/).map((part) => {
    const cited = citations[Number(/^\[(\d+)\]$/.exec(part)?.[1]) - 1];
    return cited ? opening(panel, cited, "cite", part) : part;
  });
  const where = ({ heading, title, page, line }) => [
    heading || title, page && `page ${page}`, line && `line ${line}`,
  ].filter(Boolean).join(", ");
  const sources = (panel, citations) => make("ol", "plain", ...citations.map((cited, place) => make(
    "li", "", opening(panel, cited, "link", `[${place + 1}] `, isolated(cited.document), make("span", "soft", ` ${where(cited)}`)),
    make("blockquote", "", isolated(cited.text)),
  )));
  const thumbs = (panel, id) => {
    const row = make("div", "row thumbs"), told = make("span", "soft");
    told.setAttribute("role", "status");
    for (const [label, text] of [[true, "Helpful"], [false, "Not helpful"]]) {
      const button = make("button", "", text);
      button.type = "button";
      button.setAttribute("aria-pressed", "false");
      button.addEventListener("click", async () => {
        try {
          await post(`${path}/feedback`, { labels: [{ id, label }], replace: true });
          for (const one of row.querySelectorAll("button")) one.setAttribute("aria-pressed", String(one === button));
          told.textContent = "Thank you.";
        } catch (error) { told.textContent = error.message; }
      });
      row.append(button);
    }
    row.append(told);
    return row;
  };
  const show = (panel, id, found) => {
    const text = make("p", "said", ...said(panel, found.prediction, found.citations));
    text.dir = "auto";
    panel.replaceChildren(text);
    if (found.citations.length) panel.append(sources(panel, found.citations));
    if (found.reason) panel.append(make("p", "soft", found.reason));
    panel.append(make("p", "soft", `Confidence ${percent(found.confidence)}`), thumbs(panel, id));
  };

  // --- more documents ----------------------------------------------------------------------------------------

  const pause = () => new Promise((resolve) => { setTimeout(resolve, 500); });
  const json = async (address, options) => (await call(address, options)).json();
  const send = (file) => {
    const query = new URLSearchParams({ document: file.name, replace: at("replace").checked });
    return json(`${path}/documents?${query}`, {
      method: "POST", headers: { "content-type": "application/octet-stream" }, body: file,
    });
  };
  const become = async (told, line) => {
    while (["waiting", "indexing"].includes(told.state)) {
      line.textContent = told.state === "waiting" ? "waits for its turn \u2026" : "is being indexed \u2026";
      await pause();
      told = await json(`${path}/documents/${told.id}`);
    }
    if (told.state === "failed") throw new Error([told.error.what, told.error.do].filter(Boolean).join(" "));
    if (!told.promoted) return `is in version ${told.version}, which does not answer yet: ${told.why}.`;
    while (Number(at("version").textContent) < told.version) {
      await pause();
      at("version").textContent = (await json(`${path}/schema`)).version;
    }
    return `is there: version ${told.version} answers from it.`;
  };
  const addAll = async (files) => {
    at("add").disabled = true;
    let before = Promise.resolve();
    await Promise.all(files.map(async (file) => {
      const line = make("span", "soft", "is being sent \u2026");
      at("sent").append(make("li", "", isolated(file.name), " ", line));
      const sent = before.then(() => send(file));
      before = sent.catch(() => undefined);
      try {
        line.textContent = await become(await sent, line);
      } catch (error) {
        line.className = "error";
        line.textContent = error.message;
      }
    }));
    at("add").disabled = false;
    at("added").value = "";
  };
  at("add-form")?.addEventListener("submit", (event) => {
    event.preventDefault();
    const files = [...at("added").files];
    at("added-error").textContent = files.length ? "" : "Choose a document.";
    if (files.length) addAll(files);
  });

  // --- the conversation --------------------------------------------------------------------------------------

  const events = async function* (answer) {
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const parts = (rest + value).split("\n\n");
      rest = parts.pop();
      for (const part of parts) {
        const [kind, data] = part.split("\n");
        yield [kind.slice("event: ".length), JSON.parse(data.slice("data: ".length))];
      }
    }
  };
  const ask = async (question, panel) => {
    const answer = await call(`${path}/ask`, {
      method: "POST", headers: { "content-type": "application/json" },
      body: JSON.stringify({ question, history: turns.slice(-6) }),
    });
    const draft = make("p", "said");
    draft.dir = "auto";
    for await (const [kind, told] of events(answer)) {
      if (kind === "error") throw new Error([told.what, told.do].filter(Boolean).join(" "));
      if (kind === "sentence") {
        draft.append(`${told.text} `);
        panel.replaceChildren(draft);
      }
      if (kind === "answer") {
        const [found] = told.predictions;
        if (found.error) throw new Error([found.error.what, found.error.do].filter(Boolean).join(" "));
        show(panel, told.request, found);
        turns.push({ question: found.asked, answer: found.prediction });
      }
    }
  };
  at("ask-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const question = box.value.trim();
    if (!question) { fault(field, "Write a question."); box.focus(); return; }
    const panel = make("div", "panel", make("p", "soft", "Looking it up \u2026"));
    const heading = make("h3", "", isolated(question));
    fault(field, "");
    at("talk").append(make("li", "turn", heading, panel));
    at("afresh").hidden = false;
    at("send").disabled = true;
    box.value = "";
    try {
      await ask(question, panel);
    } catch (error) {
      if (error.status === 401) stored.forget();
      panel.replaceChildren();
      failed(panel, error);
      box.value = question;
    } finally {
      at("send").disabled = false;
      heading.scrollIntoView();
      box.focus({ preventScroll: true });
    }
  });
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    at("ask-form").requestSubmit();
  });
  box.addEventListener("input", () => { fault(field, ""); redraw(); });
  at("afresh").addEventListener("click", () => {
    turns.length = 0;
    at("talk").replaceChildren();
    at("afresh").hidden = true;
    box.focus();
  });
};
