import { AnalyticsBrowser } from "analytics-next-1.84";
import { appsmith } from "./appsmith.js";

appsmith(AnalyticsBrowser);
