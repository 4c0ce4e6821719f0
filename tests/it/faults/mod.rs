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
mod front;
mod judge;
mod ledger;
mod nemesis;
mod node;
mod people;
mod postgres;
mod process;
mod processors;
mod redis;
mod run;
mod scale;
mod setup;
mod statements;
mod swarm;

mod c00_nothing_broken;
mod c01_redis_killed;
mod c02_redis_frozen;
mod c03_redis_gone;
mod c04_sql_crashes;
mod c05_sql_frozen;
mod c06_failover;
mod c07_restored;
mod c08_node_killed;
mod c09_node_frozen;
mod c10_mass_revocation;
mod c11_partitions;
mod c12_pool_exhausted;
mod c13_mail_server;
mod c14_disk_full;
mod c15_slow_readers;
mod c16_clock_jumps;
mod c17_key_rotation;
mod c18_reconnect_storm;
mod c19_rolling;
mod c20_herds;
mod c21_redis_emptied;
mod c22_open_transaction;
mod c23_forged_messages;
mod c24_mix;
