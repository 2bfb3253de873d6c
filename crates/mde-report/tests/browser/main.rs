//! The page in headless Chromium: what a user sees, clicks and types.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

#[path = "../common/mod.rs"]
mod common;
mod devtools;

use std::path::PathBuf;

use common::analyses::add_analyses;
use common::{ASSIGNED, PLAIN, Spec, write_run};
use devtools::Page;
use serde_json::json;
use tempfile::TempDir;

/// The report of two runs with all analyses.
fn report() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let size = (57, 76);
    for (name, spec) in [("plain", PLAIN), ("assigned", ASSIGNED)] {
        let spec = Spec { size, ..spec };
        write_run(&folder.path().join(name), &spec);
        add_analyses(&folder.path().join(name), &spec);
    }
    let (plain, assigned) = (folder.path().join("plain"), folder.path().join("assigned"));
    let title = "Rooms </script> \"quoted\"";
    let report = common::report(&[&plain, &assigned], title, folder.path()).unwrap();
    (folder, report.html)
}

const SHOWN: &str = "[...document.querySelectorAll('.layer:not([hidden]) .panel.plain li:not([hidden])')].map((node) => node.dataset.unit).join()";
const TOOLS: &str = "#unit-tools";

/// The browser reported no problem and requested nothing that is not on the page.
fn quiet(page: &mut Page) {
    let (complaints, requests) = page.complaints_and_requests();
    assert!(complaints.is_empty(), "{complaints:?}");
    let outside: Vec<&String> = requests
        .iter()
        .filter(|url| {
            !["data:", "blob:", "file://"]
                .iter()
                .any(|kind| url.starts_with(kind))
        })
        .collect();
    assert!(outside.is_empty(), "{outside:?}");
    let files = requests.iter().filter(|url| url.starts_with("file://"));
    assert!(
        files.clone().all(|url| url.contains("report.html")),
        "{requests:?}"
    );
    assert!(files.count() >= 1, "requests are seen at all");
}

/// Numbers of the units, sorted by a value in the page's data.
fn sorted(page: &mut Page, value: &str, descending: bool) -> String {
    let sign = if descending { -1 } else { 1 };
    page.text(&format!(
        "(() => {{ const panel = JSON.parse(document.getElementById('data').textContent).panels.find((panel) => panel.model === 'plain' && panel.layer === 'D'); \
         const value = (unit) => {value}; \
         return [...panel.units].sort((a, b) => {sign} * (value(a) - value(b)) || a.unit - b.unit).map((unit) => unit.unit).join(); }})()"
    ))
}

#[test]
fn units_are_sorted_and_filtered() {
    let (_folder, html) = report();
    let Some(mut page) = Page::open(&html, "") else {
        return;
    };
    assert!(page.holds("!document.querySelector('#unit-tools').hidden"));
    for (sort, value, descending) in [
        ("selectivity", "unit.selectivity", true),
        ("zero", "unit.zero[0]", true),
        ("gain", "unit.gain", true),
        ("p_value", "unit.p_value", false),
        ("preferred", "unit.preferred", false),
        ("unit", "unit.unit", false),
    ] {
        page.choose(TOOLS, "sort", sort);
        assert_eq!(
            page.text(SHOWN),
            sorted(&mut page, value, descending),
            "{sort}"
        );
    }
    page.click("#unit-direction");
    assert_eq!(page.text(SHOWN), sorted(&mut page, "unit.unit", true));

    let count = |page: &mut Page| page.text("document.querySelector('#unit-count').textContent");
    assert_eq!(count(&mut page), "24 of 24 units shown");
    page.choose(TOOLS, "text", "3, 5-6");
    assert_eq!(page.text(SHOWN), "6,5,3");
    assert_eq!(count(&mut page), "6 of 24 units shown");
    page.choose(TOOLS, "model", "assigned");
    assert_eq!(count(&mut page), "3 of 12 units shown");
    page.choose(TOOLS, "model", "");
    page.choose(TOOLS, "text", "no such unit");
    assert_eq!(count(&mut page), "0 of 24 units shown");
    page.click("#unit-tools [type=reset]");
    assert_eq!(count(&mut page), "24 of 24 units shown");
    page.choose(TOOLS, "near", "2");
    page.choose(TOOLS, "far", "5");
    let (found, all) = (page.text(SHOWN), sorted(&mut page, "unit.unit", true));
    let within = page.number(
        "JSON.parse(document.getElementById('data').textContent).panels.filter((panel) => panel.layer === 'D').flatMap((panel) => panel.units.filter((unit) => { \
         const depth = (panel.edges[unit.preferred] + panel.edges[unit.preferred + 1]) / 2; return depth >= 2 && depth <= 5; })).length",
    );
    assert!(!found.is_empty() && found.len() < all.len(), "{found}");
    assert_eq!(count(&mut page), format!("{within} of 24 units shown"));
    page.click("#unit-tools [type=reset]");
    page.choose(TOOLS, "least", "0.5");
    page.choose(TOOLS, "above", "true");
    let kept = page.number(
        "JSON.parse(document.getElementById('data').textContent).panels.filter((panel) => panel.layer === 'D').flatMap((panel) => \
         panel.units.filter((unit) => unit.selectivity >= 0.5 && unit.p_value < 0.05)).length",
    );
    assert_eq!(count(&mut page), format!("{kept} of 24 units shown"));

    page.choose(TOOLS, "layer", "MFF");
    assert_eq!(page.text("[...document.querySelectorAll('.layer:not([hidden])')].map((node) => node.dataset.layer).join()"), "MFF");
    quiet(&mut page);
}

#[test]
fn the_table_of_units_sorts_by_its_heads() {
    let (_folder, html) = report();
    let Some(mut page) = Page::open(&html, "") else {
        return;
    };
    page.choose(TOOLS, "view", "table");
    let rows = "[...document.querySelectorAll('.panel.plain .unit-table tbody tr')].map((row) => row.cells[0].textContent.replace('unit ', '')).join()";
    page.click(".panel.plain .unit-table th:nth-child(2) button");
    let marked = "document.querySelector('.panel.plain .unit-table [aria-sort]')";
    assert_eq!(
        page.text(&format!(
            "{marked}.getAttribute('aria-sort') + {marked}.textContent"
        )),
        "descendingSelectivity"
    );
    assert_eq!(page.text(rows), sorted(&mut page, "unit.selectivity", true));
    assert!(
        page.holds("document.activeElement.closest('[aria-sort]') !== null"),
        "the focus stays on the head"
    );
    page.key("Enter", 13);
    assert_eq!(
        page.text(rows),
        sorted(&mut page, "unit.selectivity", false)
    );
    assert_eq!(
        page.text(&format!("{marked}.getAttribute('aria-sort')")),
        "ascending"
    );

    // Any other table: by numbers, not by letters, and undefined values last.
    let column = "[...document.querySelectorAll('#table-error_by_depth tbody tr')].map((row) => row.cells[3].textContent)";
    page.eval("document.querySelectorAll('details').forEach((node) => { node.open = true; })");
    for direction in ["ascending", "descending"] {
        page.click("#table-error_by_depth th:nth-child(4) button");
        assert_eq!(page.text("document.querySelector('#table-error_by_depth [aria-sort]').getAttribute('aria-sort')"), direction);
        let values = page.eval(column);
        let texts: Vec<&str> = values
            .as_array()
            .unwrap()
            .iter()
            .map(|text| text.as_str().unwrap())
            .collect();
        assert_eq!(texts.last(), Some(&"–"), "{direction}");
        let mut numbers: Vec<f64> = texts.iter().filter_map(|text| text.parse().ok()).collect();
        let shown = numbers.clone();
        numbers.sort_by(f64::total_cmp);
        if direction == "descending" {
            numbers.reverse();
        }
        assert!(shown.len() > 5 && shown == numbers, "{shown:?}");
    }
    quiet(&mut page);
}

#[test]
fn a_unit_opens_by_click_and_by_keyboard() {
    let (_folder, html) = report();
    let Some(mut page) = Page::open(&html, "") else {
        return;
    };
    let opened = "document.querySelector('dialog').open";
    let title = "document.querySelector('#unit-title').textContent";
    page.choose(TOOLS, "sort", "unit");
    page.click(".panel.plain [data-unit='4'] a");
    page.until(opened);
    assert_eq!(page.text(title), "Unit 4 of D");
    assert_eq!(page.text("location.hash"), "#unit=plain/D/4");
    assert_eq!(
        page.number("document.querySelectorAll('.sheet').length"),
        2.0,
        "both models side by side"
    );
    for part in [
        ".sheet .band[d]",
        ".sheet.assigned .assigned-bin",
        ".sheet .chance",
        ".sheet .held",
        ".sheet .top .heat",
        ".sheet .facts dd",
    ] {
        assert!(
            page.holds(&format!("document.querySelector({part:?}) !== null")),
            "{part}"
        );
    }
    let facts = page.text("document.querySelector('.sheet.assigned .facts').textContent");
    for fact in [
        "Held-out",
        "Chance level",
        "p\u{a0}=",
        "Assigned bin",
        "Removed",
        "Corrected",
    ] {
        assert!(facts.contains(fact), "{fact} in {facts}");
    }
    assert!(page.holds("[...document.querySelectorAll('.sheet img')].every((image) => image.complete && image.naturalWidth > 0)"));

    page.key("ArrowRight", 39);
    assert_eq!(
        (page.text(title), page.text("location.hash")),
        ("Unit 5 of D".into(), "#unit=plain/D/5".into())
    );
    page.click("dialog .previous");
    page.click("dialog .previous");
    assert_eq!(page.text(title), "Unit 3 of D");
    page.key("Escape", 27);
    page.until(&format!("!{opened}"));
    assert_eq!(
        page.text("document.activeElement.closest('li').dataset.unit"),
        "3",
        "the focus is on the unit last seen"
    );
    assert!(!page.text("location.hash").contains("unit="));

    // By the keyboard alone: the arrows go through the curves, Enter opens one.
    page.key("ArrowRight", 39);
    page.key("Enter", 13);
    page.until(opened);
    assert_eq!(page.text(title), "Unit 4 of D");
    page.click("dialog .close");
    page.until(&format!("!{opened}"));
    assert_eq!(
        page.text("document.activeElement.closest('li').dataset.unit"),
        "4"
    );
    quiet(&mut page);
}

#[test]
fn an_address_opens_its_unit() {
    let (_folder, html) = report();
    let Some(mut page) = Page::open(&html, "#unit=assigned/MFF/7") else {
        return;
    };
    page.until("document.querySelector('dialog').open");
    assert_eq!(
        page.text("document.querySelector('#unit-title').textContent"),
        "Unit 7 of MFF"
    );
    let strength = "Number(getComputedStyle(document.querySelector('.heat')).opacity)";
    assert!(page.number(strength) > 0.5);
    page.click(".overlay-tools [type=checkbox]");
    assert_eq!(page.number(strength), 0.0, "the overlay can be taken off");
    page.eval("location.hash = '#unit=nothing/like/it'");
    page.until("!document.querySelector('dialog').open");
    quiet(&mut page);
}

#[test]
fn every_table_can_be_saved() {
    let (folder, html) = report();
    let Some(mut page) = Page::open(&html, "") else {
        return;
    };
    page.eval("document.querySelectorAll('details').forEach((node) => { node.open = true; })");
    let buttons = page.number("document.querySelectorAll('.table .csv').length");
    assert_eq!(
        buttons,
        page.number("document.querySelectorAll('main .table[data-table]').length")
    );
    for (button, name) in [
        ("[data-table=accuracy] .csv", "accuracy"),
        ("[data-csv=tuning_curves] .csv", "tuning_curves"),
        ("[data-csv=units] .csv", "units"),
    ] {
        page.click(button);
        let saved = page.downloads().join(format!("{name}.csv"));
        page.wait_for(|event| {
            event["method"] == "Browser.downloadProgress"
                && event["params"]["state"] == "completed"
                && event["params"]["filePath"]
                    .as_str()
                    .is_none_or(|path| path.ends_with(&format!("{name}.csv")))
                && saved.is_file()
        });
        let beside = folder.path().join("tables").join(format!("{name}.csv"));
        assert_eq!(
            std::fs::read(&saved).unwrap(),
            std::fs::read(beside).unwrap(),
            "{name}"
        );
    }
    let files = std::fs::read_dir(folder.path().join("tables"))
        .unwrap()
        .count();
    assert_eq!(
        page.number("document.querySelectorAll('#files .csv').length"),
        files as f64,
        "all tables are listed"
    );
    quiet(&mut page);
}

#[test]
fn ablation_curves_are_chosen_by_fill_and_depth() {
    let (_folder, html) = report();
    let Some(mut page) = Page::open(&html, "") else {
        return;
    };
    let shown = "[...document.querySelectorAll('#ablation-charts > :not([hidden])')].map((node) => `${node.dataset.fill} ${node.dataset.range}`).join()";
    assert_eq!(
        page.text(shown),
        ["zero all"; 4].join(","),
        "each layer in each model"
    );
    page.choose("#ablation-tools", "fill", "mean");
    page.choose("#ablation-tools", "range", "1");
    assert_eq!(page.text(shown), ["mean 1"; 4].join(","));
    assert!(page.holds("![...document.querySelectorAll('#ablation-tools option')].some((option) => option.value === '3')"), "an empty range is not offered");
}

#[test]
fn nothing_overflows_on_a_phone() {
    let (_folder, html) = report();
    let Some(mut page) = Page::open(&html, "") else {
        return;
    };
    page.call(
        "Emulation.setDeviceMetricsOverride",
        json!({"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": true}),
    );
    page.eval("document.querySelectorAll('details').forEach((node) => { node.open = true; })");
    let width = "Math.max(innerWidth, document.documentElement.scrollWidth)";
    assert_eq!(page.number(width), 390.0);
    page.choose(TOOLS, "view", "table");
    assert_eq!(page.number(width), 390.0, "only the table of units scrolls");
    page.choose(TOOLS, "view", "curves");
    page.click(".panel.plain [data-unit='4'] a");
    page.until("document.querySelector('dialog').open");
    assert_eq!(
        page.number("document.querySelector('dialog').scrollWidth"),
        390.0
    );
    assert_eq!(page.number(width), 390.0);
}

#[test]
fn dark_light_and_paper() {
    let (_folder, html) = report();
    let Some(mut page) = Page::open(&html, "") else {
        return;
    };
    // Contrast by WCAG 2.1 of each colour of text against the page.
    let contrast = "(() => { const light = (colour) => { const [r, g, b] = colour.match(/[\\d.]+/g).map((part) => { const share = part / 255; \
         return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; }; \
         const page = light(getComputedStyle(document.body).backgroundColor); \
         return Math.min(...['body', '.remark', 'h4 .plain', 'h4 .assigned', 'nav a'].map((name) => { \
         const text = light(getComputedStyle(document.querySelector(name)).color); return (Math.max(page, text) + 0.05) / (Math.min(page, text) + 0.05); })); })()";
    let background = "getComputedStyle(document.body).backgroundColor";
    let mut seen = Vec::new();
    for scheme in ["light", "dark"] {
        page.call(
            "Emulation.setEmulatedMedia",
            json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]}),
        );
        seen.push(page.text(background));
        let least = page.number(contrast);
        assert!(least >= 4.5, "{scheme}: {least}");
    }
    assert_ne!(seen[0], seen[1]);

    page.call(
        "Emulation.setEmulatedMedia",
        json!({"media": "print", "features": []}),
    );
    let visible = |page: &mut Page, selector: &str| {
        page.number(&format!("[...document.querySelectorAll({selector:?})].filter((node) => node.offsetParent !== null).length"))
    };
    assert_eq!(
        visible(&mut page, ".units li"),
        48.0,
        "both layers, both models"
    );
    assert_eq!(visible(&mut page, "nav a, .csv, .tools"), 0.0);
    let pdf = page.call("Page.printToPDF", json!({}));
    assert!(pdf["data"].as_str().unwrap().len() > 10_000);
}

#[test]
fn without_scripts_all_curves_are_shown() {
    let (_folder, html) = report();
    let Some(mut page) = Page::open(&html, "") else {
        return;
    };
    page.call(
        "Emulation.setScriptExecutionDisabled",
        json!({"value": true}),
    );
    page.go(&html, "");
    let visible = |page: &mut Page, selector: &str| {
        let count = format!(
            "[...document.querySelectorAll({selector:?})].filter((node) => node.getClientRects().length > 0).length"
        );
        page.number(&count)
    };
    assert_eq!(visible(&mut page, ".units li svg"), 48.0);
    assert_eq!(
        visible(&mut page, ".tools, .csv, dialog, .scripted"),
        0.0,
        "no control without function"
    );
    assert_eq!(visible(&mut page, "#ablation-charts figure"), 4.0);
    assert!(visible(&mut page, "table") >= 4.0);
    quiet(&mut page);
}

#[test]
fn a_page_without_units_works() {
    let folder = tempfile::tempdir().unwrap();
    write_run(folder.path(), &PLAIN);
    std::fs::remove_file(folder.path().join("dissect.json")).unwrap();
    let report = common::report(&[folder.path()], "Rooms", folder.path()).unwrap();
    let Some(mut page) = Page::open(&report.html, "") else {
        return;
    };
    page.click("#table-accuracy th:nth-child(2) button");
    let sorted = "document.querySelector('#table-accuracy [aria-sort]').getAttribute('aria-sort')";
    assert_eq!(page.text(sorted), "ascending");
    quiet(&mut page);
}
