fn main() {
    let words = std::env::args().skip(1);
    let mut numbers: Vec<i64> = words.map(|word| word.parse().expect("a whole number")).collect();
    if numbers.is_empty() {
        std::process::exit(2);
    }
    numbers.sort();
    println!("{}", numbers[(numbers.len() - 1) / 2]);
}
