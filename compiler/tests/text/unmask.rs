//! What hides in texts is found, and what hides nothing stays as it is.

use std::path::Path;

use dunlin_text::{Preparer, Spec};
use unicode_normalization::UnicodeNormalization;

use crate::{CASED, ngrams};

/// Sentences as people write them.
const ORDINARY: &[&str] = &[
    "The meeting is at 10am on the 2nd floor, room B12; bring £5 (or $7).",
    "gr8 2 c u 2day, l8r m8! txt me b4 7pm",
    "Mail joe@example.org or see https://example.org/a1b2?c3=d4 for the U.S.A. list.",
    "Der Fluß fließt über die Brücke, 20 m tief, von Köln nach Düsseldorf.",
    "L’été dernier, à Nîmes, il a mangé trois pêches et bu du café.",
    "Мы встретились вчера вечером у реки, и было уже темно.",
    "Сьогодні їжак знайшов під деревом п'ять грибів.",
    "Το πρωί ήπιαμε καφέ δίπλα στη θάλασσα.",
    "Այսօր եղանակը շատ լավ է, գնանք զբոսնելու։",
    "დღეს კარგი ამინდია და ბავშვები ეზოში თამაშობენ.",
    "היום יורד גשם ואנחנו נשארים בבית עם ספר.",
    "ذهبنا اليوم إلى السوق واشترينا الخبز والتمر.",
    "امروز به کتابخانه می\u{200C}رویم و کتاب\u{200C}ها را برمی\u{200C}گردانیم.",
    "आज मौसम अच्छा है और क्\u{200D}ष बच्चे बाहर खेल रहे हैं।",
    "আজ আকাশে মেঘ আছে, তবু বৃষ্টি হয়নি।",
    "இன்று காலை நாங்கள் ஆற்றங்கரைக்கு நடந்து சென்றோம்.",
    "వాళ్ళు ఈ రోజు ఊరికి వెళ్ళారు.",
    "วันนี้อากาศดีมาก เราไปเดินเล่นริมแม่น้ำ",
    "今天天气很好,我们去公园散步。",
    "今日は天気がいいので、Tシャツで公園へ行きました。",
    "오늘은 날씨가 좋아서 강가를 걸었습니다.",
    "Hôm nay trời đẹp, chúng tôi đi dạo bên hồ.",
    "Wir messen 5 μm bei 3 kΩ, H und ΔT sind klein.",
    "We are here 👩\u{200D}👩\u{200D}👧 and glad ❤\u{FE0F} 1\u{FE0F}\u{20E3}",
];

#[test]
fn ordinary_texts_have_no_second_view_and_lose_nothing() {
    let section = ngrams(CASED);
    let spec = Spec::parse(&section).expect("sound");
    let mut preparer = Preparer::new(&spec);
    for text in ORDINARY {
        let cleaned = preparer.clean(&spec, text);
        assert_eq!(cleaned.first, text.nfkc().collect::<String>(), "{text}");
        assert_eq!((cleaned.second, cleaned.signs.evasion()), (None, 0), "{text}");
    }
}

#[test]
fn what_is_hidden_is_found() {
    let cases = [
        // Invisible characters and other dresses are seen through in the first view.
        ("f\u{200B}r\u{2060}e\u{AD}e entry", "free entry", None),
        ("ｆｒｅｅ 𝐞𝐧𝐭𝐫𝐲", "free entry", None),
        ("ab\u{202E}cd", "abcd", None),
        // Others only in a second one.
        ("frее entry", "frее entry", Some("free entry")),
        ("you wоn а рrize", "you wоn а рrize", Some("you won a prize")),
        ("Паролb и кoд", "Паролb и кoд", Some("Паролb и код")),
        ("fr33dom of a w1nner", "fr33dom of a w1nner", Some("freedom of a winner")),
        ("a w1nner of c@$h 3ntry", "a w1nner of c@$h 3ntry", Some("a winner of cash 3ntry")),
        ("f r e e entry", "f r e e entry", Some("free entry")),
        ("f.r.e.e entry", "f.r.e.e entry", Some("free entry")),
        ("f r e e w i n", "f r e e w i n", Some("freewin")),
        ("f r e e  w i n", "f r e e  w i n", Some("free  win")),
    ];
    let section = ngrams(CASED);
    let spec = Spec::parse(&section).expect("sound");
    let mut preparer = Preparer::new(&spec);
    for (text, first, second) in cases {
        let cleaned = preparer.clean(&spec, text);
        assert_eq!((cleaned.first, cleaned.second), (first, second), "{text}");
        assert!(cleaned.signs.evasion() > 0, "{text}");
    }
}

#[test]
fn sentences_of_75_languages_stay_as_they_are() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/language_id");
    let Ok(files) = std::fs::read_dir(&folder) else {
        println!("../shared/data/language_id is absent: its sentences aren't read");
        return;
    };
    let section = ngrams(CASED);
    let spec = Spec::parse(&section).expect("sound");
    let mut preparer = Preparer::new(&spec);
    let (mut sentences, mut second) = (0, 0);
    for file in files.map(|file| file.expect("readable").path()).filter(|path| path.extension().is_some()) {
        for line in std::fs::read_to_string(file).expect("readable").lines() {
            let cleaned = preparer.clean(&spec, line);
            sentences += 1;
            second += usize::from(cleaned.second.is_some());
            if cleaned.signs.ignorables == 0 && cleaned.signs.bidi == 0 {
                assert!(cleaned.first.chars().eq(line.nfkc()), "{line}");
            }
            let typed = cleaned.signs.mixed_script + cleaned.signs.leet + cleaned.signs.spaced;
            assert_eq!(cleaned.second.is_some(), typed > 0, "{line}");
        }
    }
    // These have words typed in two scripts: all others are one view.
    assert!(sentences > 70_000 && second * 250 < sentences, "{second} of {sentences}");
}
