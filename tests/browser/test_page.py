"""The page, used as a person uses it."""

import base64

import numpy as np
import pytest

from qohort.watch.record import record
from tests.browser.conftest import DESKTOP, PHONE, WIDE
from tests.watch.unpacked import array_of, header_of

READ = """async (text) => {
  const episode = await unpack(text);
  const flat = (array) => ({ data: Array.from(array.data, (x) => Number.isNaN(x) ? null : x), shape: array.shape });
  return {
    title: episode.title,
    values: flat(episode.values),
    chosen: flat(episode.chosen),
    obs: flat(episode.seen.obs),
    agents: flat(episode.scene.agents),
    attention: flat(episode.joint.attention),
  };
}"""


def text(it, selector):
    return it.page.locator(selector).first.inner_text()


def drawing(it):
    return it.page.evaluate("document.querySelector('.scene').toDataURL()")


def test_it_opens_alone(pages, open_page):
    it = open_page(pages["race"])
    assert it.requests == [pages["race"]]
    assert it.page.title() == "race page"
    assert text(it, ".outcome").startswith("lost: the time limit was hit")
    it.keep("race")


def test_it_is_forbidden_to_ask_for_anything(pages, open_page):
    it = open_page(pages["race"])
    asked = it.page.evaluate("fetch('https://example.org').then(() => 'let through', () => 'refused')")
    assert asked == "refused"
    assert any("Content Security Policy" in fault for fault in it.faults)
    it.faults.clear()


def test_arrays_are_read_as_they_were_packed(pages, open_page, raced):
    packed = record(raced)
    read = open_page(pages["race"]).page.evaluate(READ, base64.b64encode(packed).decode())
    header = header_of(packed)
    places = {
        "values": header["values"],
        "chosen": header["chosen"],
        "obs": header["seen"]["obs"],
        "agents": header["scene"]["agents"],
        "attention": header["joint"]["attention"],
    }
    assert read["title"] == header["title"]
    for name, entry in places.items():
        got = np.array(read[name]["data"], float).reshape(read[name]["shape"])
        np.testing.assert_allclose(got, array_of(packed, entry), rtol=1e-6, atol=1e-6)


def test_what_it_says_of_a_step_is_what_happened(pages, open_page, raced):
    step = 2
    it = open_page(f"{pages['race']}#step={step + 1}&agent=2")
    spec, joint = raced.env.spec, raced.joint
    rows = it.page.locator(".team tbody tr")
    for agent in range(spec.n_agents):
        cells = rows.nth(agent).locator("td").all_inner_texts()
        action = raced.actions[step, agent]
        alive = raced.alive[step, agent]
        assert cells[0] == (spec.actions[action] if alive else "out")
        assert number(cells[1]) == pytest.approx(raced.values[step, agent, action], abs=0.006)
        assert number(cells[2]) == pytest.approx(joint.slopes[step, agent], abs=0.006)
    sums = [number(cell) for cell in it.page.locator(".team tfoot td").all_inner_texts()]
    assert sums[0] == pytest.approx(joint.aux["state_value"][step], abs=0.006)
    assert sums[1] == pytest.approx(joint.q_tot[step, 0], abs=0.006)
    may = [spec.actions[k] for k in np.flatnonzero(raced.avail[step, 1])]
    assert it.page.locator(".choices li:not([hidden]) .action").all_inner_texts() == may
    assert text(it, ".choices .is-taken .action") == spec.actions[raced.actions[step, 1]]
    heads = it.page.locator(".track", has_text="Attention of head 2").locator(".values span").all_inner_texts()
    np.testing.assert_allclose([number(head) for head in heads], joint.aux["attention"][step, 1], atol=0.006)


def number(words):
    return float(words.replace("−", "-"))


def test_it_plays_to_the_end_and_begins_anew(pages, open_page, raced):
    it = open_page(pages["race"])
    before = drawing(it)
    it.page.select_option(".transport select", "32")
    it.page.click(".play")
    it.page.locator(".place", has_text="the end").wait_for()
    assert drawing(it) != before
    assert text(it, ".card h3:has-text('After')") == f"After {raced.length} steps"
    assert it.page.get_attribute(".play", "aria-label") == "Play"
    it.page.select_option(".transport select", "1")
    it.page.click(".play")
    assert text(it, ".place") == f"step 1 of {raced.length}"
    assert it.page.get_attribute(".play", "aria-label") == "Pause"


def test_it_is_scrubbed_by_the_slider_and_in_the_strips(pages, open_page, raced):
    it = open_page(pages["race"])
    it.page.locator(".transport input").fill("4")
    assert text(it, ".place") == f"step 5 of {raced.length}"
    strip = it.page.locator(".track", has_text="What they did").locator(".field")
    strip.scroll_into_view_if_needed()
    box = strip.bounding_box()
    strip.click(position={"x": box["width"] * 1.5 / raced.length, "y": box["height"] * 5 / 6})
    assert text(it, ".place") == f"step 2 of {raced.length}"
    assert it.page.locator("button.agent[aria-pressed=true]").inner_text() == "runner 3"


def test_a_click_on_a_unit_makes_everything_follow_it(pages, open_page, raced):
    it = open_page(pages["race"])
    zoom = it.page.locator(".stage-tools button")
    if zoom.count():
        zoom.click()
        assert zoom.get_attribute("aria-pressed") == "false"
    left, bottom, right, top = header_of(record(raced))["scene"]["bounds"]
    at = array_of(record(raced), header_of(record(raced))["scene"]["agents"])[0, 2]
    canvas = it.page.locator(".scene")
    box = canvas.bounding_box()
    share = (at[0] - left) / (right - left), (top - at[1]) / (top - bottom)
    canvas.click(position={"x": box["width"] * share[0], "y": box["height"] * share[1]})
    assert it.page.locator("tr.chosen button").inner_text() == "runner 3"
    assert text(it, "h3:has-text('can do')") == "Q of what runner 3 can do"
    assert text(it, "h3:has-text('of each action')") == "Q of each action: runner 3"
    it.page.click("summary")
    assert text(it, "summary") == "What runner 3 sees"


def test_the_address_leads_back(pages, open_page, raced):
    it = open_page(pages["race"])
    for key in ("ArrowRight", "ArrowRight", "]"):
        it.page.keyboard.press(key)
    it.page.wait_for_url("**/race.html#step=3&agent=2")
    it.page.evaluate("location.hash = '#step=2&agent=3'")
    it.page.locator(".place", has_text=f"step 2 of {raced.length}").wait_for()
    assert it.page.locator("tr.chosen button").inner_text() == "runner 3"


@pytest.mark.parametrize("address", ["#step=2.7&agent=1.5", "#step=2&agent=-3", "#step=2&agent=none"])
def test_an_address_that_was_typed_wrong_leads_near(pages, open_page, raced, address):
    it = open_page(pages["race"] + address)
    assert text(it, ".place") == f"step 2 of {raced.length}"
    assert it.page.locator("tr.chosen button").inner_text() == "runner 1"


@pytest.mark.parametrize(
    ("names", "idle", "expected"),
    [
        (["north", "north-east", "north-west", "wait"], 3, ["↑", "↑→", "↑←", "·"]),
        (["move north", "enemy 1", "enemy 12", "stop"], None, ["↑", "1", "12", "■"]),
        (["pick red", "pick rose", "drop"], None, ["#0", "#1", "d"]),
        (["no-op", "north", "up", "say A"], None, ["no", "#1", "up", "sA"]),
    ],
)
def test_no_two_actions_have_the_same_sign(pages, open_page, names, idle, expected):
    made = open_page(pages["race"]).page.evaluate("([names, idle]) => signs(names, idle)", [names, idle])
    assert made == expected


DRAWN = """() => {
  const [whole, paint] = [[], paintShare];
  paintShare = (context, mark, share, colours, out) => {
    whole.push([share, out]);
    paint(context, mark, share, colours, out);
  };
  held.runs[0].stage.paint();
  paintShare = paint;
  return whole;
}"""


def test_rings_make_one_whole_with_those_who_are_out(pages, open_page, raced):
    last = raced.length
    it = open_page(f"{pages['race']}#step={last}")
    drawn = it.page.evaluate(DRAWN)
    out = ~raced.alive[last - 1]
    assert out.any()
    assert sum(share for share, _ in drawn) == pytest.approx(1.0)
    assert sum(faint for _, faint in drawn) == out.sum()
    slopes = np.abs(raced.joint.slopes[last - 1])
    said = text(it, "figcaption .note:last-child")
    assert said.startswith("Thick rings: shares of one whole; who is out has ")
    assert number(said.split()[-3]) == pytest.approx((slopes[out] / slopes.sum()).sum(), abs=0.001)


def test_nobody_gets_a_ring_where_nothing_is_drawn_of_them(pages, open_page, driven):
    step = int(np.flatnonzero((driven.alive.sum(axis=1) > 0) & ~driven.alive.all(axis=1))[0])
    drawn = open_page(f"{pages['traffic']}#step={step + 1}").page.evaluate(DRAWN)
    assert len(drawn) == driven.alive[step].sum()
    assert not any(out for _, out in drawn)


def test_the_scale_is_that_of_what_was_done(pages, open_page):
    """A value far off, of an action that nobody could take, would press all lines flat."""
    episode = {
        "agents": ["one"],
        "actions": ["may", "may not"],
        "outputs": "utilities",
        "length": 2,
        "values": {"data": [2.0, -90.0, -1.0, -90.0, 8.0, -90.0]},
        "avail": {"data": [1, 0] * 3},
        "chosen": {"data": [0, 0]},
        "joint": {"missing": "There is no mixer."},
        "returns": {"data": [1.5, 1.0]},
    }
    assert open_page(pages["race"]).page.evaluate("(episode) => extent([episode])", episode) == [-1, 2]


def test_how_far_below_the_best_the_others_are(pages, open_page):
    episode = {
        "agents": ["one", "two"],
        "actions": ["a", "b", "c"],
        "length": 1,
        "values": {"data": [1.0, 4.0, 9.0, -2.0, -5.0, -2.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]},
        "avail": {"data": [1, 1, 0, 1, 1, 1] + [1] * 6},
    }
    read = "(episode) => [bestValue(episode, 0, 0), bestValue(episode, 1, 0), usualGap(episode, [0, 1])]"
    assert open_page(pages["race"]).page.evaluate(read, episode) == [4, -2, 3]


def test_a_strip_of_values_is_painted_without_looking_for_the_best_in_every_cell(pages, open_page):
    it = open_page(pages["noise"])
    asked = it.page.evaluate("""() => {
      const read = valueOf;
      let asked = 0;
      valueOf = (...of) => (asked++, read(...of));
      held.chosen.set(1);
      valueOf = read;
      return asked;
    }""")
    steps, actions = 150, 17
    assert asked < 5 * steps * actions


def test_rings_show_what_is_chosen(pages, open_page):
    it = open_page(pages["race"])
    options = it.page.locator(".stage-tools option").all_inner_texts()
    assert options == ["no rings", "rings: weight", "rings: head 1", "rings: head 2"]
    with_rings = drawing(it)
    it.page.select_option(".stage-tools select", "no rings")
    assert drawing(it) != with_rings


def test_who_hears_whom_and_what_advantages_count_stand_beside_their_strips(pages, open_page, talked):
    step, listener = 2, 1
    it = open_page(f"{pages['talking']}#step={step + 1}&agent={listener + 1}")

    def beside(title):
        return [
            number(cell) for cell in it.page.locator(".track", has_text=title).locator(".values span").all_inner_texts()
        ]

    np.testing.assert_allclose(beside("Whom runner 2 hears"), talked.heard[step, listener], atol=0.006)
    np.testing.assert_allclose(beside("Importance of each agent"), talked.joint.aux["importance"][step], rtol=0.02)
    assert "rings: importance" in it.page.locator(".stage-tools select option").all_inner_texts()
    it.keep("talking")


def test_two_runs_share_the_playhead_and_the_agent(pages, open_page):
    it = open_page(pages["two"])
    assert it.page.locator(".run h2").count() == 2
    it.page.keyboard.press("ArrowRight")
    it.page.keyboard.press("]")
    titles = it.page.locator(".now section:first-child h3").all_inner_texts()
    assert [title.split(" of ")[0] for title in titles] == ["Step 2", "Step 2"]
    assert it.page.locator(".team tr.chosen button").all_inner_texts() == ["runner 2", "runner 2"]
    it.keep("two")


def test_a_world_without_a_drawing_is_a_table_of_what_is_seen(pages, open_page, raced):
    it = open_page(pages["undrawn"])
    assert it.page.locator(".scene").count() == 0
    shown = it.page.locator(".sight tbody tr:not([hidden]) th").all_inner_texts()
    first = array_of(record(raced), header_of(record(raced))["seen"]["obs"])[0]
    names = raced.env.spec.obs_features
    assert shown == [name for name, column in zip(names, first.T, strict=True) if np.abs(column).max() > 1e-4]
    it.page.locator(".option input").uncheck()
    assert it.page.locator(".sight tbody tr:not([hidden])").count() == len(names)
    it.page.locator(".sight thead button", has_text="runner 2").click()
    assert it.page.locator(".team tr.chosen button").inner_text() == "runner 2"
    it.keep("undrawn")


def test_where_nothing_is_mixed_nothing_is_said_of_weights(pages, open_page):
    it = open_page(pages["independent"])
    titles = it.page.locator("h3").all_inner_texts()
    assert not [title for title in titles if "Weight" in title or "Attention" in title]
    assert it.page.locator(".team thead th").all_inner_texts() == ["Agent", "does", "Q"]
    assert it.page.locator(".stage-tools select").count() == 0


def test_everything_is_reached_with_keys(pages, open_page, raced):
    it = open_page(pages["race"])
    reached = set()
    for _ in range(40):
        it.page.keyboard.press("Tab")
        reached.add(
            it.page.evaluate(
                "(({activeElement: e}) => e.getAttribute('aria-label') || e.textContent.slice(0, 20))(document)"
            )
        )
    names = {"Dark", "Keys", "Rings around agents", "runner 1", "runner 3", "Step back", "Play", "Moment", "Speed"}
    assert names <= reached
    it.page.evaluate("document.activeElement.blur()")
    for keys, place in (
        (["ArrowRight", "ArrowRight", "ArrowLeft"], 2),
        (["End", "ArrowLeft"], raced.length),
        (["Home"], 1),
    ):
        for key in keys:
            it.page.keyboard.press(key)
        assert text(it, ".place") == f"step {place} of {raced.length}"
    assert text(it, "#spoken").startswith(f"Step 1 of {raced.length}. runner 1: ")
    it.page.keyboard.press("Space")
    assert it.page.get_attribute(".play", "aria-label") == "Pause"
    it.page.keyboard.press("Space")
    it.page.keyboard.press("+")
    assert it.page.locator(".transport select").input_value() == "8"
    it.page.keyboard.press("t")
    assert it.page.get_attribute("html", "data-theme") == "dark"
    it.page.keyboard.press("?")
    assert it.page.locator("dialog[open]").count() == 1


@pytest.mark.parametrize("size", [DESKTOP, PHONE, WIDE], ids=["desktop", "phone", "wide"])
@pytest.mark.parametrize("kind", ["race", "two", "undrawn", "noise"])
def test_nothing_is_cut_off_at_any_size(pages, open_page, kind, size):
    it = open_page(pages[kind], size=size)
    assert it.page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert it.page.locator(".play").bounding_box()["width"] >= 24
    it.keep(f"{kind}-{size[0]}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("kind", "size"), [("race", DESKTOP), ("two", PHONE), ("undrawn", DESKTOP)])
def test_it_is_accessible(pages, open_page, kind, size, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    it = open_page(pages[kind], size=size, scheme=scheme)
    found = axe.Axe().run(it.page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []


def test_a_long_battle_of_ten_opens_and_plays_swiftly(pages, open_page):
    it = open_page(pages["noise"])
    ready = it.page.evaluate("performance.getEntriesByName('ready')[0].startTime")
    assert ready < 2000
    frames = """() => new Promise((resolve) => {
      document.querySelector(".play").click();
      let [count, begin] = [0, performance.now()];
      const tick = (now) => {
        count += 1;
        if (now - begin < 1000) requestAnimationFrame(tick);
        else resolve((1000 * count) / (now - begin));
      };
      requestAnimationFrame(tick);
    })"""
    best = max(it.page.evaluate(frames) for _ in range(3))
    assert best >= 30
