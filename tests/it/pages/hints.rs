//! What the server says of a weak password, which the pages say in their own language: they know every sentence of it.

use serde_json::{Value, json};
use zxcvbn::feedback::{Suggestion, Warning};

use crate::support::app::TestApp;

const RUSSIAN: &str = include_str!("../../../src/http/pages/texts/ru.json");

/// As the script of the pages does: the sentences that it knows, one after the other. What is left, it does not know.
pub fn unknown_part(detail: &str) -> String {
    let texts: Value = serde_json::from_str(RUSSIAN).unwrap();
    let number: String = detail
        .chars()
        .skip_while(|c| !c.is_ascii_digit())
        .take_while(char::is_ascii_digit)
        .collect();
    let known = texts["script"]["hints"].as_object().unwrap();
    let sentences: Vec<String> = known.keys().map(|known| known.replace("{n}", &number)).collect();
    let mut rest = detail;
    while let Some(after) = sentences
        .iter()
        .find_map(|sentence| rest.strip_prefix(sentence.as_str()))
    {
        rest = after.trim_start();
    }
    rest.to_owned()
}

#[tokio::test]
async fn the_pages_have_words_for_whatever_is_wrong_with_a_password() {
    let hub = TestApp::spawn().await;
    let long = "plinth gravel otter quench ".repeat(5);
    for (password, said) in [
        ("short", "at least 12"),
        (long.as_str(), "at most 128"),
        ("password1234", "guessers try first"),
        ("ada@example.org", "made of your address"),
        ("lovelace2024!", "a part of your address"),
        ("mmmmmmmmmmmm1", "Repeats like"),
        ("password!!!!!!!!", "Add another word"),
    ] {
        let body = json!({ "email": "ada@example.org", "password": password, "name": "Ada Lovelace" });
        let answer = hub.post("/api/users", body).await;
        assert_eq!(answer.status, 422, "{password}");
        let problem = answer.problem(422, "validation_failed");
        let detail = problem["errors"][0]["detail"].as_str().unwrap();
        assert!(detail.contains(said), "{password}: {detail}");
        assert_eq!(unknown_part(detail), "", "{detail}");
    }
    assert_eq!(unknown_part("Something new."), "Something new.");
}

#[test]
fn the_pages_have_words_for_all_that_the_estimate_may_say() {
    let warnings = [
        Warning::StraightRowsOfKeysAreEasyToGuess,
        Warning::ShortKeyboardPatternsAreEasyToGuess,
        Warning::RepeatsLikeAaaAreEasyToGuess,
        Warning::RepeatsLikeAbcAbcAreOnlySlightlyHarderToGuess,
        Warning::ThisIsATop10Password,
        Warning::ThisIsATop100Password,
        Warning::ThisIsACommonPassword,
        Warning::ThisIsSimilarToACommonlyUsedPassword,
        Warning::SequencesLikeAbcAreEasyToGuess,
        Warning::RecentYearsAreEasyToGuess,
        Warning::AWordByItselfIsEasyToGuess,
        Warning::DatesAreOftenEasyToGuess,
        Warning::NamesAndSurnamesByThemselvesAreEasyToGuess,
        Warning::CommonNamesAndSurnamesAreEasyToGuess,
    ];
    let suggestions = [
        Suggestion::UseAFewWordsAvoidCommonPhrases,
        Suggestion::NoNeedForSymbolsDigitsOrUppercaseLetters,
        Suggestion::AddAnotherWordOrTwo,
        Suggestion::CapitalizationDoesntHelpVeryMuch,
        Suggestion::AllUppercaseIsAlmostAsEasyToGuessAsAllLowercase,
        Suggestion::ReversedWordsArentMuchHarderToGuess,
        Suggestion::PredictableSubstitutionsDontHelpVeryMuch,
        Suggestion::UseALongerKeyboardPatternWithMoreTurns,
        Suggestion::AvoidRepeatedWordsAndCharacters,
        Suggestion::AvoidSequences,
        Suggestion::AvoidRecentYears,
        Suggestion::AvoidYearsThatAreAssociatedWithYou,
        Suggestion::AvoidDatesAndYearsThatAreAssociatedWithYou,
    ];
    let said = warnings.iter().map(ToString::to_string);
    for sentence in said.chain(suggestions.iter().map(ToString::to_string)) {
        assert_eq!(unknown_part(&sentence), "", "{sentence}");
    }
}
