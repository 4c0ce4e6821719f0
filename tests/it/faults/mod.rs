//! What must hold while things break: scenarios of faults against real processes of the real binary.
//!
//! Three logs come out of a run: what each socket saw ([`swarm`]), what was asked of the hub and
//! answered ([`actor`]), and what was broken when ([`nemesis`]). [`checker`] replays them and says
//! which promise failed. [`run`] puts the parts together; each scenario is a file of its own.
//!
//! They run alone, one at a time: `scripts/test` runs them short, `scripts/test-faults` in full length.

mod actor;
mod checker;
mod clients;
mod ledger;
mod nemesis;
mod node;
mod postgres;
mod process;
mod redis;
mod run;
mod scale;
mod swarm;

mod c01_redis_killed;
