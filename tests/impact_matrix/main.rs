//! SEMANTICS.md section 1 as tables: what it says of each event and each kind of credential, cell by cell, written down
//! here once more without a look at the rules. And what is built on the rules: reports, outages, containments.

mod coming;
mod containment;
mod cut_off;
mod events;
mod extra;
mod last_session;
mod laws;
mod made;
mod matrix;
mod mends;
mod notes;
mod objects;
mod outages;
mod page;
mod places;
mod renewals;
mod report;
mod returning;
mod statements;
mod strangers;
mod told;
mod world;
