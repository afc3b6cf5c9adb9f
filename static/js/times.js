// Makes times local, puts a rule between days and groups what one author wrote within five minutes. Without it times and
// days are UTC and live messages stand alone.

const TOGETHER = 5 * 60_000;
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short" });
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const dayName = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long", year: "numeric" });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
const capital = (s) => s.charAt(0).toLocaleUpperCase() + s.slice(1);

export function localise(root) {
  for (const time of root.querySelectorAll("time[title]:not([data-local])")) {
    const at = new Date(time.dateTime);
    time.dataset.local = "";
    time.textContent = ("moment" in time.dataset ? moment : clock).format(at);
    time.title = full.format(at);
  }
}

const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());

function label(day) {
  const days = Math.round((day - midnight(new Date())) / 86_400_000);
  return days === 0 || days === -1 ? capital(relative.format(days, "day")) : dayName.format(day);
}

function rule(day) {
  const item = document.createElement("li");
  item.className = "day";
  item.dataset.day = String(day.getTime());
  const time = document.createElement("time");
  time.dateTime = `${day.getFullYear()}-${String(day.getMonth() + 1).padStart(2, "0")}-${String(day.getDate()).padStart(2, "0")}`;
  item.append(time);
  relabel(item, day);
  return item;
}

// Today's rule is yesterday's after midnight.
function relabel(item, day) {
  const time = item.firstElementChild;
  const text = label(day);
  if (time.textContent !== text) time.textContent = text;
}

// Goes through the list once and puts right what does not fit: 300 messages take a fraction of a millisecond, and a list
// that is in order is left alone.
function arrange(list) {
  let before = null; // the message before: its author and time
  let day = null; // its day
  let standing = null; // a rule whose message is still to come
  for (const item of [...list.children]) {
    if (item.classList.contains("day")) {
      standing?.remove();
      standing = item;
    } else if (item.classList.contains("message")) {
      const at = new Date(item.querySelector("time").dateTime);
      const today = midnight(at);
      const newDay = day?.getTime() !== today.getTime();
      const fits = newDay && standing?.dataset.day === String(today.getTime());
      if (fits) relabel(standing, today);
      else standing?.remove();
      if (newDay && !fits) item.before(rule(today));
      standing = null;
      const together = !newDay && before?.author === item.dataset.author && at - before.at < TOGETHER;
      item.toggleAttribute("data-continued", together);
      before = { author: item.dataset.author, at };
      day = today;
    } else if (item.classList.contains("notice")) {
      before = null; // a line about somebody coming or going ends the group
    }
  }
  standing?.remove();
}

const observer = new MutationObserver(refresh);

function refresh() {
  const list = document.querySelector("ol.messages");
  localise(document);
  if (list) {
    observer.disconnect(); // our own changes are none to react to
    arrange(list);
    observer.observe(list, { childList: true });
  }
}

refresh();
document.addEventListener("htmx:after:swap", refresh);
