/** What a bundler makes of a file of Vue's. */
declare module "*.vue" {
  import type { Component } from "vue";

  const component: Component;
  export default component;
}
