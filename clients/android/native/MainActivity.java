package org.pocketmatte.app;

import android.os.Bundle;
import com.getcapacitor.BridgeActivity;

/** The web app in a web view; files it saves go through {@link SavePlugin}. */
public class MainActivity extends BridgeActivity {
    @Override
    public void onCreate(Bundle savedInstanceState) {
        registerPlugin(SavePlugin.class);
        super.onCreate(savedInstanceState);
    }
}
