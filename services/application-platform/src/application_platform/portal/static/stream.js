/* One stream of news for all of a browser's tabs: runs as a shared worker, or in the page where there are none. */
"use strict";

(() => {
  const LOST_AFTER = 3000; // milliseconds without contact before the reader is told

  // Holds the one EventSource. `post` tells a listener; every listener is { watch: [{ patient, ticket }, …], post }.
  function newStream() {
    const listeners = new Set();
    let source = null;
    let open = false;
    let last = "";
    let waiting = 0;
    let key = "";

    const clock = () => new Date().toLocaleTimeString("sv-SE", { hour: "2-digit", minute: "2-digit", timeZone: "Europe/Stockholm" });
    const tell = (message) => { for (const listener of listeners) listener.post(message); };

    function lost(since) {
      open = false;
      if (!waiting) waiting = setTimeout(() => tell({ kind: "lost", since }), LOST_AFTER);
    }

    function opened() {
      open = true;
      clearTimeout(waiting);
      waiting = 0;
      tell({ kind: "open" });
    }

    function connect(again = false) {
      const watched = new Map();
      for (const { watch } of listeners) for (const { patient, ticket } of watch) watched.set(patient, ticket);
      const wanted = [...watched].map(([patient, ticket]) => `${patient}~${ticket}`).sort().join();
      if (source && wanted === key && !again) return;
      source?.close();
      source = null;
      key = wanted;
      if (!watched.size) return;
      const query = new URLSearchParams();
      for (const [patient, ticket] of watched) query.append("patient", `${patient}~${ticket}`);
      query.append("after", last);
      source = new EventSource(`/portal/events?${query}`);
      listen(source);
    }

    function listen(mine) {
      const keep = (event) => { if (event.lastEventId) last = event.lastEventId; };
      mine.addEventListener("ready", (event) => { keep(event); opened(); });
      mine.addEventListener("changed", (event) => {
        keep(event);
        tell({ kind: "changed", ...JSON.parse(event.data) });
      });
      mine.addEventListener("missed", (event) => { keep(event); tell({ kind: "missed" }); });
      mine.addEventListener("signed-out", () => {
        mine.close();
        source = null;
        key = "";
        tell({ kind: "signed-out" });
      });
      mine.addEventListener("error", () => {
        lost(clock());
        if (mine.readyState === EventSource.CLOSED && mine === source) {
          source = null;
          key = "";
          setTimeout(connect, 5000);
        }
      });
    }

    return {
      add(listener, after) {
        listeners.add(listener);
        const behind = !last || older(after, last);
        if (behind) last = after;
        connect(behind);
        if (open && source) listener.post({ kind: "open" });
      },
      remove(listener) {
        listeners.delete(listener);
        connect();
      },
    };
  }

  // A page waits for one patient, or for all those on a board.
  const watchOf = ({ patient, ticket, watch }) => watch || [{ patient, ticket }];

  // A page may have been rendered before the stream's last notice: it begins there, and hears some things twice.
  function older(one, other) {
    const [epochOne, numberOne] = one.split("-");
    const [epochOther, numberOther] = other.split("-");
    return epochOne !== epochOther || Number(numberOne) < Number(numberOther);
  }

  if (typeof SharedWorkerGlobalScope !== "undefined" && self instanceof SharedWorkerGlobalScope) {
    const stream = newStream();
    self.addEventListener("connect", (event) => {
      const port = event.ports[0];
      let listener = null;
      port.onmessage = ({ data }) => {
        if (listener) stream.remove(listener);
        listener = null;
        if (data.kind === "listen") {
          listener = { watch: watchOf(data), post: (message) => port.postMessage(message) };
          stream.add(listener, data.after);
        }
      };
    });
    return;
  }

  window.FVM = {
    // Calls `hear` with { kind: open | lost | changed | missed | signed-out, … }.
    stream(wanted, hear) {
      const address = document.querySelector("script[data-stream]").src;
      if (typeof SharedWorker === "undefined") {
        newStream().add({ watch: watchOf(wanted), post: hear }, wanted.after);
        return;
      }
      const { port } = new SharedWorker(address, { name: "fvm-news" });
      port.onmessage = ({ data }) => hear(data);
      const listen = () => port.postMessage({ kind: "listen", ...wanted });
      listen();
      window.addEventListener("pagehide", () => port.postMessage({ kind: "leave" }));
      window.addEventListener("pageshow", (event) => { if (event.persisted) listen(); });
    },
  };
})();
