//! The program `mde` from the outside: built, started, killed and fed with bad input.
//!
//! - `main_job`: render, train, evaluate, dissect, report; their files; what is up to date
//! - `analyses`: ablation and correction of a dissected run, and unusable dissections
//! - `comparison`: two runs side by side, and results that cannot be compared
//! - `predict`: depth of any picture, and files that are not pictures
//! - `sweep`: trainings that differ in the assignment, their table and plot
//! - `streets`: the same on streets, and damaged lists and files of streets
//! - `models`: the list of networks
//! - `device`: which device a command computes on
//! - `profile`: time of a network by operation
//! - `progress`: lines of progress where stderr is not a terminal
//! - `given_weights`: measuring a file of weights without a run
//! - `export`: networks handed on, in a folder or on the hub
//! - `fetch`: downloads and the examination, without servers
//! - `fine_tuning`: training from given weights
//! - `other_programs`: predictions and activations of other programs; protocols explained
//! - `own_data`: user data, converted archives, and faults of a data set
//! - `real_data`: trained weights on real images, where available
//! - `interrupted`: killed and run again, with the same final numbers; a full disk
//! - `bad_data`: damaged or wrong lists and files
//! - `bad_settings`: options that cannot be used
//! - `bad_runs`: run folders, weights and output folders that cannot be used
//! - `bad_weights`: files that are not weights, or another network's
//! - `wrong_network`: networks on data of another depth range
//! - `up_to_date`: what is not hashed or decoded again, and what is
//! - `weights_by_name`: weights by name or from the hub
//! - `alone`: the program without the checkout
//! - `usage`: wrong usage of the command line
//! - `reports`: inputs of public problem reports
//! - `place`: a folder with a small data set for all tests
//!
//! Every refusal has exit status 1 (2 for usage), a message on stderr that names the file or
//! setting and what was expected, nothing on stdout, and no changed file.
#![allow(clippy::unwrap_used)]

mod alone;
mod analyses;
mod bad_data;
mod bad_runs;
mod bad_settings;
mod bad_weights;
mod comparison;
mod device;
mod export;
mod fetch;
mod fine_tuning;
mod given_weights;
mod interrupted;
mod main_job;
mod models;
mod other_programs;
mod own_data;
mod place;
mod predict;
mod profile;
mod progress;
mod real_data;
mod reports;
mod streets;
mod sweep;
mod up_to_date;
mod usage;
mod weights_by_name;
mod wrong_network;
