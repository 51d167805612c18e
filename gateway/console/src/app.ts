import { Rollcall, type ConnectionState, type Job, type Me, type RollcallError, type TokenSource } from "../../client/ts/src/index.js";
import { fill, h, icon } from "./dom.ts";
import { FilesView } from "./files.ts";
import { JobView } from "./jobview.ts";
import { JobList } from "./joblist.ts";
import { Notices } from "./notices.ts";
import { QuotaView } from "./quota.ts";
import { StoryView } from "./story.ts";
import { say, strings } from "./strings.ts";
import { languageSwitch } from "./languageswitch.ts";
import { tell } from "./problem.ts";
import { Upload } from "./upload.ts";
import { WardsView } from "./wards.ts";

/** What fills the main part of the page. */
interface Page {
  readonly element: HTMLElement;
  start(): void;
  close(): void;
}

const wardsLink = /^#\/wards(?:\?job=(job-[0-9a-f-]{36}))?$/;
const deepLink = /^#\/jobs\/(job-[0-9a-f-]{36})$/;

/** The console of a person who has signed in. */
export class App {
  readonly elements: HTMLElement[];
  readonly #client: Rollcall;
  readonly #jobs: JobList;
  readonly #quota: QuotaView;
  readonly #notices: Notices;
  readonly #files: FilesView;
  readonly #main = h("main", { id: "content", tabindex: "-1" });
  readonly #connection = h("span", { class: "connection", role: "status" });
  #open: JobView | null = null;
  #page: Page | null = null; // one of its own, by its address
  #closed = false;
  readonly #name = h("span", { class: "user" });
  readonly #storyLink = h("a", { href: "#/member", hidden: true }, strings.story.link);
  #me: Me | undefined; // until the server has said who it is
  readonly #leave: (why: string) => void;

  constructor(token: TokenSource, leave: (why: string) => void) {
    const client = (this.#client = new Rollcall({ url: location.origin, token }));
    this.#jobs = new JobList(client);
    this.#quota = new QuotaView(client);
    this.#notices = new Notices(client, (job) => this.#jobs.nameOf(job));
    this.#leave = leave;
    const header = h("header", {},
      h("a", { class: "skip", href: "#content", onclick: (e: Event) => this.#skip(e) }, strings.skip),
      h("a", { class: "brand", href: "#/" },
        h("img", { src: icon, alt: "", width: 28, height: 28 }), strings.name),
      h("nav", { "aria-label": strings.pages }, h("a", { href: "#/wards" }, strings.wards.link), this.#storyLink),
      this.#connection,
      this.#name,
      languageSwitch(() => this.#holdsWork()),
      h("button", { type: "button", class: "quiet", onclick: () => this.#signOut() }, strings.signOut));
    const upload = new Upload(client, (files) => this.#prepare(files));
    this.#files = new FilesView(client, (n) => upload.setPrepared(n), () => void this.#jobs.load());
    const aside = h("aside", {}, upload.element, this.#jobs.element, this.#quota.element,
      this.#notices.element);
    this.elements = [header, h("div", { class: "columns" }, aside, this.#main)];
  }

  /** Shows what is found in files, before they are started. */
  #prepare(files: File[], follows?: Job): void {
    this.#files.add(files, follows);
    if (location.hash === "#/files") this.#files.focus();
    else location.hash = "#/files";
  }

  #skip(e: Event): void {
    e.preventDefault();
    this.#main.focus();
  }

  #signOut(): void {
    history.replaceState(null, "", location.pathname);
    this.#leave("");
  }

  start(): void {
    this.#client.watchUser({
      onEvent: (e) => {
        this.#jobs.update(e);
        this.#files.update(e);
        this.#notices.update(e);
        this.#quota.refresh();
      },
      onConnection: (state) => this.#showConnection(state),
      onError: (e) => this.#showError(e),
    });
    void this.#quota.load();
    void this.#notices.load();
    void this.#askWhoIAm();
  }

  /** Asks the server, which alone knows which claim of a token names the user. Then shows the page. */
  async #askWhoIAm(): Promise<void> {
    try {
      this.#me = await this.#client.me();
      fill(this.#name, say(strings.signedInAs, { user: this.#me.user_id }));
      this.#storyLink.hidden = !this.#mayReadRows();
      this.#files.setMayWrite(this.#me.permissions.includes("write"));
    } catch (e) {
      this.#showError(e as RollcallError);
    }
    this.route();
  }

  /** Whether something would be lost with the page. */
  #holdsWork(): boolean {
    return this.#files.waiting || !!this.#open?.correcting;
  }

  #mayReadRows(): boolean {
    return !!this.#me?.permissions.includes("read_rows");
  }

  /** Makes the page that has an address of its own. */
  #pageOf(address: string): Page | null {
    const wards = wardsLink.exec(address);
    if (wards) return new WardsView(this.#client, wards[1]);
    return address === "#/member" ? new StoryView(this.#client, this.#mayReadRows()) : null;
  }

  #showConnection(state: ConnectionState): void {
    this.#connection.dataset["state"] = state;
    fill(this.#connection, strings.connection[state]);
    // No event tells what happened while there was no connection.
    if (state !== "open") return;
    void this.#jobs.load();
    if (!this.#me) void this.#askWhoIAm();
  }

  #showError(e: RollcallError): void {
    if (this.#closed) return; // somebody else has said so
    if (e.code === "unauthenticated") this.#leave(strings.signIn.expired);
    else tell(this.#connection, e);
  }

  /** Shows what the address names. */
  route(): void {
    if (this.#closed) return;
    const job = deepLink.exec(location.hash)?.[1];
    if (job && this.#open?.id === job) return;
    this.#open?.close();
    this.#open = job ? new JobView(this.#client, job, this.#me, (file, first) => this.#prepare([file], first)) : null;
    this.#jobs.mark(job ?? "");
    const files = location.hash === "#/files";
    this.#page?.close();
    this.#page = this.#pageOf(location.hash);
    const parts = this.#main.parentElement!;
    parts.classList.toggle("with-job", !!job || files || !!this.#page);
    parts.classList.toggle("with-page", !!this.#page);
    this.#main.replaceChildren(this.#open?.element ?? this.#page?.element ?? (files ? this.#files.element : h("div", { class: "empty" },
      h("h1", { class: "big" }, strings.jobs.pick), h("p", {}, strings.jobs.pickHint))));
    document.title = strings.name;
    if (files) {
      document.title = `${strings.files.title} · ${strings.name}`;
      this.#files.focus();
      scrollTo(0, 0);
    }
    const page = this.#open ?? this.#page;
    if (page) {
      page.start();
      this.#main.focus({ preventScroll: true });
      scrollTo(0, 0);
    }
  }

  close(): void {
    this.#closed = true;
    this.#open?.close();
    this.#page?.close();
    this.#quota.close();
    this.#client.close();
  }
}
