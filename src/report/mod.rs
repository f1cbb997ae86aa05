//! The report of a linkage as one page for people: data protection officers, statisticians, reviewers.
//!
//! The page is a single HTML file without scripts that opens from disk and loads nothing. The module
//! knows plain numbers only ([`data`]); where they come from is its caller's affair. The same data
//! gives the same bytes.

mod blocking;
mod curve;
pub(crate) mod data;
#[cfg(test)]
mod fixture;
mod floor;
mod head;
mod histogram;
mod html;
mod levels;
mod losses;
mod number;
mod overlap;
mod page;
mod scale;
mod sizes;
mod svg;
#[cfg(test)]
mod tests;
mod waterfall;
mod waterfall_text;

pub(crate) use page::page;
pub(crate) use waterfall::waterfall_svg;
pub(crate) use waterfall_text::waterfall_text;
