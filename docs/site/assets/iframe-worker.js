// Search runs in a worker, and a browser starts none for a page from file://. There a hidden frame
// takes the worker's place. (zensical fetches a script of this name from another host, unless it is
// given one.)
if (location.protocol === "file:") {
  window.Worker = class {
    constructor(address) {
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      this.frame.srcdoc = `<script src="${address}"></script>`;
      this.loaded = new Promise((resolve) => {
        this.frame.addEventListener("load", () => {
          const inside = this.frame.contentWindow;
          inside.postMessage = (data) => this.onmessage?.({ data });
          resolve(inside);
        });
      });
      document.documentElement.append(this.frame);
    }

    postMessage(data) {
      this.loaded.then((inside) => inside.onmessage({ data }));
    }

    terminate() {
      this.frame.remove();
    }
  };
}
