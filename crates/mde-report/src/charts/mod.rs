//! Charts as plain SVG: functions from numbers to a string.
//!
//! Colours and strokes come from the page's style sheet through classes ("plain", "assigned"), so
//! one chart serves the light page, the dark page and paper. Lengths are in the units of the view
//! box; the page scales the whole.

mod lines;
mod rows;
mod scatter;
mod svg;
mod trails;

pub(crate) use lines::{Band, LineChart, Series, XAxis, line_chart, step_chart};
pub(crate) use rows::{Bar, Strip, bar_chart, strip_chart};
pub(crate) use scatter::{Dot, scatter};
pub(crate) use svg::{Drawing, Labels, Scale, band, escape, polyline, tick_label, ticks};
pub(crate) use trails::{Stop, Trail, trails};
