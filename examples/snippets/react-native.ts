import { createClient, type KeyValueStore } from "portcullis-client";

/** Of `@react-native-async-storage/async-storage`. */
declare const AsyncStorage: KeyValueStore;

// As the README has it:
const hub = createClient({ url: "http://127.0.0.1:8080", storage: AsyncStorage });
