package dunlin.android

import android.content.BroadcastReceiver
import android.content.Context
import android.content.Intent
import android.content.IntentFilter
import android.net.ConnectivityManager
import android.net.Network
import android.net.NetworkCapabilities
import android.net.NetworkRequest
import android.os.BatteryManager
import dunlin.Client
import dunlin.ClientOptions
import dunlin.Conditions
import dunlin.DunlinException

/**
 * How this device is doing, for [ClientOptions.conditions]: `conditions = { context.deviceConditions() }`. It wants the permission
 * `ACCESS_NETWORK_STATE`; without it a client takes the device for one whose connection costs.
 */
public fun Context.deviceConditions(): Conditions {
    val battery = registerReceiver(null, IntentFilter(Intent.ACTION_BATTERY_CHANGED))
    val plugged = battery?.getIntExtra(BatteryManager.EXTRA_PLUGGED, 0) ?: 0
    return Conditions(connectivity().isActiveNetworkMetered, charging = plugged != 0)
}

/** Tells a client when the device's conditions change, until what it gives is closed. It wants the permission `ACCESS_NETWORK_STATE`. */
public fun Client.watch(context: Context): AutoCloseable {
    val power =
        object : BroadcastReceiver() {
            override fun onReceive(context: Context, intent: Intent) = told()
        }
    val network =
        object : ConnectivityManager.NetworkCallback() {
            override fun onAvailable(network: Network) = told()

            override fun onCapabilitiesChanged(network: Network, capabilities: NetworkCapabilities) = told()
        }
    val filter = IntentFilter(Intent.ACTION_POWER_CONNECTED).apply { addAction(Intent.ACTION_POWER_DISCONNECTED) }
    val everywhere = context.applicationContext
    everywhere.registerReceiver(power, filter)
    everywhere.connectivity().registerNetworkCallback(NetworkRequest.Builder().build(), network)
    return AutoCloseable {
        everywhere.unregisterReceiver(power)
        everywhere.connectivity().unregisterNetworkCallback(network)
    }
}

/** A client that was closed meanwhile needn't know. */
private fun Client.told() {
    try {
        conditionsChanged()
    } catch (_: DunlinException) {
        return
    }
}

private fun Context.connectivity() = getSystemService(Context.CONNECTIVITY_SERVICE) as ConnectivityManager
