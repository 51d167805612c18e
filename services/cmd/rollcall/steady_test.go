package main

// watchShifts adds up how far things jump without anybody having done anything, as Chromium
// measures it for "cumulative layout shift".
const watchShifts = `window.shifted = 0;
new PerformanceObserver((list) => {
	for (const e of list.getEntries()) if (!e.hadRecentInput) window.shifted += e.value;
}).observe({type: "layout-shift", buffered: true});`

// maxShift is what counts as steady.
const maxShift = 0.1

// checkSteady checks that nothing jumped since the page was loaded. Firefox does not measure it.
func (b *page) checkSteady(what string) {
	b.t.Helper()
	if b.name != "chromium" {
		return
	}
	if got := value[float64](b, "window.shifted"); got >= maxShift {
		b.t.Errorf("%s: things shift by %.3f, less than %.1f is wanted", what, got, maxShift)
	}
}

// watchBar notes in each frame what the bar of the job says, how far it is filled, and the number beside it.
const watchBar = `(() => {
	const seen = (window.bar = []);
	const look = () => {
		const bar = document.querySelector(".job [role=progressbar]");
		if (bar?.checkVisibility()) {
			const filled = bar.firstChild.getBoundingClientRect().width / bar.getBoundingClientRect().width;
			const beside = parseInt(document.querySelector(".percent").innerText);
			const now = [Number(bar.getAttribute("aria-valuenow")), 100 * filled, beside];
			if (String(now) !== String(seen.at(-1))) seen.push(now);
		}
		requestAnimationFrame(look);
	};
	look();
	return true;
})()`

// checkBar checks what watchBar has noted: the bar never goes back, and is as full as it says.
func (b *page) checkBar() {
	b.t.Helper()
	b.waitFor(`window.bar.at(-1)?.[0] === 100`) // the frame after the one in which the job has ended
	seen := value[[][3]float64](b, "window.bar")
	before := 0.0
	for _, now := range seen {
		if now[0] < before {
			b.t.Errorf("the bar goes back: %v", seen)
			return
		}
		before = now[0]
		if now[0] != now[2] || now[1] < now[0]-1 || now[1] > now[0]+1 {
			b.t.Errorf("the bar says %v, is filled to %.1f and has %v beside it", now[0], now[1], now[2])
		}
	}
	if len(seen) < 3 {
		b.t.Errorf("the bar was seen at %v only", seen)
	}
}
