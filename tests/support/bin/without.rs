//! `without WHAT PROGRAM [ARGUMENT…]` runs a program for which the kernel lacks something:
//!
//! - `pidfd`: it refuses `pidfd_open`, as gVisor and old seccomp lists do;
//! - `subreaper`: it makes none of a process, as qemu for another processor;
//! - `sigkill`: it takes SIGKILL and nothing happens, as with a process that waits for a dead disk.
#![allow(missing_docs, unsafe_code, clippy::unwrap_used, clippy::print_stderr)]

use std::arch::asm;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// An instruction of a BPF program, in the form of the kernel.
#[repr(C)]
struct Instruction {
    code: u16,
    if_true: u8,
    if_false: u8,
    value: u32,
}

#[repr(C)]
struct Program {
    length: u16,
    first: *const Instruction,
}

const PIDFD_OPEN: u32 = 434;
const PIDFD_SEND_SIGNAL: u32 = 424;
#[cfg(target_arch = "x86_64")]
const KILL: u32 = 62;
#[cfg(target_arch = "aarch64")]
const KILL: u32 = 129;
#[cfg(target_arch = "x86_64")]
const PRCTL: u32 = 157;
#[cfg(target_arch = "aarch64")]
const PRCTL: u32 = 167;
const PR_SET_CHILD_SUBREAPER: u32 = 36;
const EINVAL: u32 = 22;
const ENOSYS: u32 = 38;
const SIGKILL: u32 = 9;
/// The codes of the instructions that are used: load a word, compare, return.
const LOAD: u16 = 0x20;
const IS: u16 = 0x15;
const RETURN: u16 = 0x06;
/// What a filter returns: the call is made, or it is not and this is its error.
const ALLOW: u32 = 0x7fff_0000;
const ERROR: u32 = 0x0005_0000;
/// Where the kernel has the low halves of the first and the second argument.
const FIRST_ARGUMENT: u32 = 16;
const SECOND_ARGUMENT: u32 = 24;
const PR_SET_NO_NEW_PRIVS: usize = 38;
const PR_SET_SECCOMP: usize = 22;
const SECCOMP_MODE_FILTER: usize = 2;

/// Loads the number of the system call, answers ENOSYS if that is `pidfd_open`, and otherwise
/// allows it.
const WITHOUT_PIDFD: [Instruction; 4] = [
    Instruction { code: LOAD, if_true: 0, if_false: 0, value: 0 },
    Instruction { code: IS, if_true: 0, if_false: 1, value: PIDFD_OPEN },
    Instruction { code: RETURN, if_true: 0, if_false: 0, value: ERROR | ENOSYS },
    Instruction { code: RETURN, if_true: 0, if_false: 0, value: ALLOW },
];

/// Answers EINVAL to `prctl` that would make a subreaper.
const WITHOUT_SUBREAPER: [Instruction; 6] = [
    Instruction { code: LOAD, if_true: 0, if_false: 0, value: 0 },
    Instruction { code: IS, if_true: 0, if_false: 3, value: PRCTL },
    Instruction { code: LOAD, if_true: 0, if_false: 0, value: FIRST_ARGUMENT },
    Instruction { code: IS, if_true: 0, if_false: 1, value: PR_SET_CHILD_SUBREAPER },
    Instruction { code: RETURN, if_true: 0, if_false: 0, value: ERROR | EINVAL },
    Instruction { code: RETURN, if_true: 0, if_false: 0, value: ALLOW },
];

/// Lets `kill` and `pidfd_send_signal` with SIGKILL succeed without being made.
const WITHOUT_SIGKILL: [Instruction; 7] = [
    Instruction { code: LOAD, if_true: 0, if_false: 0, value: 0 },
    Instruction { code: IS, if_true: 1, if_false: 0, value: PIDFD_SEND_SIGNAL },
    Instruction { code: IS, if_true: 0, if_false: 3, value: KILL },
    Instruction { code: LOAD, if_true: 0, if_false: 0, value: SECOND_ARGUMENT },
    Instruction { code: IS, if_true: 0, if_false: 1, value: SIGKILL },
    Instruction { code: RETURN, if_true: 0, if_false: 0, value: ERROR },
    Instruction { code: RETURN, if_true: 0, if_false: 0, value: ALLOW },
];

fn prctl(option: usize, second: usize, third: usize) -> isize {
    let result: isize;
    // SAFETY: the two options that are used here only read their arguments, which outlive the call.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        asm!("syscall", inlateout("rax") 157isize => result, in("rdi") option, in("rsi") second,
            in("rdx") third, in("r10") 0, in("r8") 0, lateout("rcx") _, lateout("r11") _);
        #[cfg(target_arch = "aarch64")]
        asm!("svc 0", in("x8") 167, inlateout("x0") option => result, in("x1") second,
            in("x2") third, in("x3") 0, in("x4") 0);
    }
    result
}

fn main() {
    let mut words = std::env::args_os().skip(1);
    let filter: &[Instruction] = match words.next().unwrap().to_str() {
        Some("pidfd") => &WITHOUT_PIDFD,
        Some("subreaper") => &WITHOUT_SUBREAPER,
        Some("sigkill") => &WITHOUT_SIGKILL,
        other => panic!("without what? {other:?}"),
    };
    let program = Program { length: filter.len() as u16, first: filter.as_ptr() };
    assert_eq!(prctl(PR_SET_NO_NEW_PRIVS, 1, 0), 0, "no new privileges");
    let filter = &raw const program as usize;
    assert_eq!(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter), 0, "the filter");
    let error = Command::new(words.next().unwrap()).args(words).exec();
    eprintln!("without: {error}");
    std::process::exit(127);
}
