// The page of `ganvas watch`: a list, a run, two runs beside each other, or a study.
// It is told everything once, then what changes (server-sent events).

import { byId, setClock } from "/static/parts.js";
import { ListPage } from "/static/list.js";
import { RunsPage } from "/static/runs.js";
import { StudyPage } from "/static/study.js";

function connect(page) {
  let source;
  const status = byId("connection");
  const open = () => {
    source = new EventSource(`/${page.query}`);
    source.onerror = () => { status.textContent = "ganvas watch does not answer; trying again"; status.className = "offline"; };
    source.onmessage = (event) => {
      const message = JSON.parse(event.data);
      setClock(message.time);
      // Not before: without data there are only empty tables, and nothing is live.
      byId("content").hidden = false;
      [status.textContent, status.className] = ["Live", ""];
      page.receive(message);
    };
  };
  // A page that nobody sees asks for nothing: browsers allow only six connections to a server.
  document.addEventListener("visibilitychange", () => {
    source.close();
    if (document.visibilityState === "visible") open();
  });
  addEventListener("pagehide", () => source.close());
  open();
}

const [, kind, ...ids] = location.pathname.split("/");
const pages = { run: () => new RunsPage(ids), beside: () => new RunsPage(ids), study: () => new StudyPage(ids[0]) };
connect((pages[kind] ?? (() => new ListPage()))());
