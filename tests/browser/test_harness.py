"""The browser starts here as it does on a bare machine, and Playwright drives it as the tests need."""


def test_a_page_runs_scripts_and_the_clock_is_ours(browser_page):
    browser_page.clock.install(time=1_750_000_000)
    browser_page.set_content("<script>setTimeout(() => document.title = 'ran', 120_000)</script>")
    browser_page.clock.run_for(119_000)
    assert browser_page.title() == ""
    browser_page.clock.run_for(2_000)
    assert browser_page.title() == "ran"


def test_a_visitor_can_be_offline_and_is_not_the_next_one(chromium):
    first, second = chromium.new_context(), chromium.new_context()
    page = first.new_page()
    first.set_offline(True)
    assert page.evaluate("navigator.onLine") is False
    assert second.new_page().evaluate("navigator.onLine") is True
    first.close()
    second.close()


def test_a_visitor_looks_like_a_person(browser_page):
    assert "Headless" not in browser_page.evaluate("navigator.userAgent")
    assert browser_page.evaluate("navigator.webdriver") is False
