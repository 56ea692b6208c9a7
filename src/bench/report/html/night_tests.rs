//! Pages of nights, whatever came out.

use super::night::NightPage;
use super::nights::Nights;
use super::well_formed::faults;
use crate::bench::night::Night;
use crate::bench::night::sketch::night;
use crate::bench::report::Report;

/// The page of the last of some nights.
#[track_caller]
fn page(mut nights: Vec<Night>) -> String {
    let report = Report::of(&mut nights);
    let at = nights.len() - 1;
    let html = NightPage {
        nights: Nights { report: &report, at, night_of: &|at| format!("night-{at}.html") },
        night: &nights[at],
        page_of: &|id| Some(format!("runs/{id}.html")),
    }
    .to_html();
    assert_eq!(faults(&html), [""; 0]);
    assert!(html.len() <= 2_000_000, "{} bytes", html.len());
    assert!(!html.contains("NaN") && !html.contains("inf"), "{html}");
    html
}

#[test]
fn a_night_of_any_kind_has_a_page_that_says_what_happened() {
    for (arms, said) in [
        (vec![("a", &["ppp", "fff"][..]), ("b", &["ppp", "ffp"])], "a"),
        (vec![("a", &["ppp"]), ("b", &["fff"])], "b"),
        (vec![("a", &["p"]), ("b", &["f"])], "1 of 1"),
        (vec![("a", &["pp", "pp"]), ("b", &["pp", "pp"])], "100 %"),
        (vec![("a", &["ff", "ff"]), ("b", &["ff", "ff"])], "0 %"),
        (vec![("a", &["pf", "pp"]), ("b", &["uu", "uu"])], "nothing can be said"),
        (vec![("a", &["--", "--"]), ("b", &["--", "--"])], "0 of 8 runs are done"),
        (vec![("a", &["gg"])], "Every run that was made has a result"),
        (vec![("a", &["pl", "ll"]), ("b", &["lp", "ff"])], "Hit a limit"),
    ] {
        let html = page(vec![night(&arms)]);
        assert!(html.contains(said), "{said} in {html}");
    }
}

#[test]
fn several_nights_are_shown_over_time_with_the_way_to_each() {
    let one = || night(&[("a", &["pp", "pf"]), ("b", &["pf", "ff"])]);
    let html = page(vec![one(), one(), one()]);
    for part in ["Over several nights", "href=\"night-1.html\">The night before", "(this page)"] {
        assert!(html.contains(part), "{part} in {html}");
    }
    assert_eq!(html.matches("<figure>").count() - html.matches("by cost of a run</fig").count(), 2);
    assert!(!page(vec![one()]).contains("Over several nights"));
}

#[test]
fn a_night_without_results_lists_so_many_runs_and_no_more() {
    let tasks = vec!["uu"; 200];
    let html = page(vec![night(&[("a", &tasks), ("b", &["pp"])])]);
    assert!(html.contains("100 more are not shown"), "of 400");
}
