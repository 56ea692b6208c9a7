//! Crowds: many commands or servers at once. Each of these tests has the machine for itself.
//!
//! They have a room whose name comes before all others, because tests run in the order of their
//! names: here a crowd finds the machine empty. Amid the others it would wait until each test that
//! runs has ended, and meanwhile no other could begin.

mod commands;
mod servers;
