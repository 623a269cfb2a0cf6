import { AnalyticsBrowser } from "analytics-next-1.76";
import { appsmith } from "./appsmith.js";

appsmith(AnalyticsBrowser);
